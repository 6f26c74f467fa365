// Changes of lists, references and standing actions through the whole server.

#include <gtest/gtest.h>

#include "decide/change.h"
#include "node/serve_fixture_test.h"

namespace fuqi::node {
namespace {

constexpr const char* kWatched = "/v1/packs/small/lists/watched";

std::string PackWithList() {
  std::string text = decide::SmallPackWith("[[rule]]\nid = \"burst\"", R"toml([list.watched]
type = "VARCHAR"

[[rule]]
id = "listed"
when = "in_list('watched', payer, ts)"
then = "freeze"
reason = { zh = "在名单中", en = "listed" }

[[rule]]
id = "burst")toml");
  return text + '\n';
}

TEST_F(Serve, AChangeOfAListActsOnTheNextEventAndSurvivesARestart) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t1")).body)["action"], "approve");
  const std::string put =
      R"({"put":[{"value":"A","aliases":["A2"],"valid_from":"2025-12-31","source":"police","reason":"fraud"}]})";
  const TestResponse made = Ask("POST", kWatched, put, "Idempotency-Key: k1\r\n");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.body, R"({"record":3})");
  const Json frozen = Json::parse(Decide(EventJsonText("t2")).body);
  EXPECT_EQ(frozen["action"], "freeze");
  EXPECT_EQ(frozen["features"]["in_list('watched', payer, ts)"], "3.1") << "which entry";

  auto check = [&](const char* when) {
    const TestResponse again = Ask("POST", kWatched, put, "Idempotency-Key: k1\r\n");
    EXPECT_EQ(again.body, made.body) << when;
    EXPECT_EQ(again.headers.at("idempotent-replayed"), "true") << when;
    const std::string other = R"({"remove":[{"value":"A"}]})";
    EXPECT_EQ(TypeOf(Ask("POST", kWatched, other, "Idempotency-Key: k1\r\n")), "change-id-taken");
    const Json page = Json::parse(Get(kWatched).body);
    EXPECT_EQ(page["size"], 1) << when;
    EXPECT_EQ(page["entries"][0]["value"], "A");
    EXPECT_EQ(page["entries"][0]["entry"], "3.1");
    EXPECT_EQ(page["entries"][0]["valid_from"], "2025-12-31T00:00:00Z");
  };
  check("live");
  EXPECT_EQ(Metric("fuqi_changes_total{pack=\"small\"}"), 1);
  server_.reset();
  Start();
  check("after a restart");
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t3")).body)["action"], "freeze");
  EXPECT_EQ(Ask("POST", kWatched, R"({"remove":[{"value":"A","source":"police"}]})").status, 200);
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t4")).body)["action"], "review")
      << "the fourth of the day, and listed no more";
  server_.reset();
  EXPECT_EQ(RecordsOf(ledger::RecordType::kListChange), 2u);
}

TEST_F(Serve, RecordsWhoChangedAList) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  ASSERT_EQ(Ask("POST", kWatched, R"({"put":[{"value":"A"}]})").status, 200);
  server_.reset();
  std::string by;
  ASSERT_TRUE(ledger::Scan(SystemDisk(), dir_ / "data/small/log", 0,
                           [&](const ledger::StoredRecord& record) -> Result<void> {
                             if (decide::IsChange(record.type)) {
                               by = decide::HeadOf(*decide::DecodeChange(record)).by;
                             }
                             return {};
                           }));
  EXPECT_EQ(by, "tester");
}

TEST_F(Serve, RefusesAChangeThatAListCannotTakeAndMakesNoneOfIt) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  auto refused = [&](const std::string& body, int status, const std::string& type,
                     const std::string& field) {
    const TestResponse response = Ask("POST", kWatched, body);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(TypeOf(response), type) << body;
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem.value("field", ""), field) << response.body;
  };
  refused("{", 400, "malformed-json", "");
  refused("[]", 400, "malformed-json", "");
  refused(R"({"put":[],"put":[]})", 400, "malformed-json", "put");
  refused("{}", 422, "invalid-change", "");
  refused(R"({"put":{}})", 422, "invalid-change", "put");
  refused(R"({"put":[{"value":"x"},{"source":"s"}]})", 422, "invalid-change", "put[2].value");
  refused(R"({"put":[{"value":"x","why":"y"}]})", 422, "invalid-change", "put[1]");
  refused(R"({"put":[{"value":"x","valid_to":"soon"}]})", 422, "invalid-change", "put[1].valid_to");
  refused(R"({"put":[{"value":"x","valid_from":"2024-01-02","valid_to":"2024-01-02"}]})", 422,
          "invalid-change", "valid_to");
  refused(R"({"put":[{"value":"x"},{"value":"x"}]})", 422, "invalid-change", "");
  EXPECT_EQ(TypeOf(Ask("POST", "/v1/packs/small/lists/wached", R"({"put":[{"value":"x"}]})")),
            "no-such-list");
  EXPECT_EQ(TypeOf(Get("/v1/packs/small/lists/wached")), "no-such-list");
  EXPECT_EQ(Json::parse(Get(kWatched).body)["size"], 0);
  const TestResponse method = Ask("DELETE", kWatched);
  EXPECT_EQ(method.headers.at("allow"), "POST, GET, HEAD");
  std::optional<TestResponse> stranger = Client().Ask("GET", kWatched, "", "");
  EXPECT_EQ(stranger->status, 401);
}

constexpr const char* kStanding = "/v1/packs/small/standing";

std::string PackWithStanding() {
  return decide::SmallPackWith("id = \"large\"",
                               "id = \"large\"\nstanding = { kind = \"account\", subject = "
                               "\"payer\", for = \"1 day\" }") +
         R"toml(
[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }
)toml";
}

TEST_F(Serve, WhatAPersonSetsBindsTheNextEventAndSurvivesARestart) {
  dir_.Write("packs/small/pack.toml", PackWithStanding());
  Start();
  auto action = [&](const std::string& id, const std::string& payer, const std::string& amount) {
    return Json::parse(Decide(EventJsonText(id, amount, payer)).body)["action"];
  };
  auto standing = [&](const std::string& query) {
    return Json::parse(Get(std::string(kStanding) + "?kind=account&" + query).body)["standing"];
  };
  EXPECT_EQ(action("t1", "A", "1.00"), "approve");
  const std::string freeze =
      R"({"op":"set","kind":"account","subject":"A","action":"freeze","reason":{"zh":"法院裁定","en":"court order 17"}})";
  const TestResponse made = Ask("POST", kStanding, freeze, "Idempotency-Key: k1\r\n");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.body, R"({"record":3})");
  EXPECT_EQ(action("t2", "A", "1.00"), "freeze");
  const std::string allow =
      R"({"op":"set","kind":"account","subject":"C","action":"hold","allow":"50.00","per":"1 day","from":"2025-12-31T16:00:00Z","reason":"a limit"})";
  ASSERT_EQ(Ask("POST", kStanding, allow).status, 200);
  EXPECT_EQ(action("t3", "C", "38.00"), "approve");

  auto check = [&](const char* when) {
    const TestResponse again = Ask("POST", kStanding, freeze, "Idempotency-Key: k1\r\n");
    EXPECT_EQ(again.body, made.body) << when;
    EXPECT_EQ(again.headers.at("idempotent-replayed"), "true") << when;
    const Json frozen = standing("subject=A");
    ASSERT_EQ(frozen.size(), 1u) << when;
    EXPECT_EQ(frozen[0]["action"], "freeze");
    EXPECT_EQ(frozen[0]["by"], "tester");
    EXPECT_EQ(frozen[0]["reason"]["zh"], "法院裁定");
    const Json limited = standing("limit=1&after=A")[0];
    EXPECT_EQ(limited["subject"], "C") << when;
    EXPECT_EQ(limited["used"][0]["begins"], "2025-12-31T16:00:00Z");
    EXPECT_EQ(limited["used"][0]["remains"], "12.00") << when;
  };
  check("live");
  server_.reset();
  Start();
  check("after a restart");
  const Json bound = Json::parse(Decide(EventJsonText("t4", "12.01", "C")).body);
  EXPECT_EQ(bound["action"], "hold");
  EXPECT_EQ(bound["standing"][0]["remains"], "12.00");
  EXPECT_EQ(action("t5", "C", "12.00"), "review") << "the third of the day, and not bound";
  EXPECT_EQ(action("t6", "D", "1500.00"), "block");
  EXPECT_EQ(standing("subject=D")[0]["rule"], "large");
  const std::string decision = standing("subject=D")[0]["decision_id"];
  EXPECT_EQ(action("t7", "D", "1.00"), "block");
  const std::string undo =
      R"({"op":"undo","decision_id":")" + decision + R"(","reason":"a false alarm"})";
  ASSERT_EQ(Ask("POST", kStanding, undo).status, 200);
  EXPECT_EQ(action("t8", "D", "1.00"), "review") << "the third of the day, and not bound";
  const std::string release =
      R"({"op":"release","kind":"account","subject":"A","record":3,"reason":"lifted"})";
  EXPECT_EQ(Ask("POST", kStanding, release).status, 200);
  EXPECT_EQ(action("t9", "A", "1.00"), "review");
  EXPECT_EQ(standing("subject=A"), Json::array());
}

TEST_F(Serve, RefusesContradictoryStandingByNameAndLeavesWhatStands) {
  dir_.Write("packs/small/pack.toml", PackWithStanding());
  Start();
  auto set = [](const std::string& more) {
    return R"({"op":"set","kind":"account","subject":"A","reason":"r",)" + more + "}";
  };
  ASSERT_EQ(Ask("POST", kStanding, set(R"("action":"hold")")).status, 200);
  auto refused = [&](const std::string& body, int status, const std::string& type,
                     const std::string& field) {
    const TestResponse response = Ask("POST", kStanding, body, "Accept-Language: zh\r\n");
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(TypeOf(response), type) << body;
    EXPECT_EQ(Json::parse(response.body).value("field", ""), field) << response.body;
  };
  refused(set(R"("action":"review")"), 409, "stands-already", "");
  refused(set(R"("action":"hold","above":"5.00")"), 409, "stands-already", "");
  refused(set(R"("action":"freeze","above":"5.00","allow":"6.00")"), 422, "invalid-change",
          "allow");
  refused(set(R"("action":"freeze","per":"1 day")"), 422, "invalid-change", "per");
  refused(set(R"("action":"freeze","allow":"6.00","per":"1 minute")"), 422, "invalid-change",
          "per");
  refused(set(R"("action":"freeze","allow":"6.00","from":"2026-01-01T00:00:00Z")"), 422,
          "invalid-change", "from");
  refused(set(R"("action":"freeze","allow":"-6.00")"), 422, "invalid-change", "allow");
  refused(set(R"("action":"freeze","allow":"much")"), 422, "invalid-change", "allow");
  refused(set(R"("action":"freeze","above":"much")"), 422, "invalid-change", "above");
  refused(set(R"("action":"freeze","until":"soon")"), 422, "invalid-change", "until");
  refused(set(R"("action":"approve")"), 422, "invalid-change", "action");
  refused(set(R"("action":"halt")"), 422, "invalid-change", "action");
  refused(set(R"("action":"freeze","why":1)"), 422, "invalid-change", "");
  refused(R"({"op":"set","kind":"account","subject":"A","action":"freeze"})", 422, "invalid-change",
          "reason");
  refused(R"({"op":"set","kind":"card","subject":"A","action":"hold","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"release","kind":"account","subject":"B","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"release","kind":"account","subject":"A","record":77,"reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"undo","decision_id":"small-00000000000000000002","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"undo","decision_id":"other-00000000000000000002","reason":"r"})", 422,
          "invalid-change", "decision_id");
  refused(R"({"op":"thaw","reason":"r"})", 422, "invalid-change", "op");
  refused("[]", 400, "malformed-json", "");
  EXPECT_EQ(TypeOf(Get(std::string(kStanding) + "?kind=card")), "no-such-standing");
  EXPECT_EQ(TypeOf(Get(kStanding)), "invalid-change") << "which kind?";
  EXPECT_EQ(TypeOf(Get(std::string(kStanding) + "?kind=account&limit=0")), "invalid-change");
  const Json left = Json::parse(Get(std::string(kStanding) + "?kind=account").body);
  ASSERT_EQ(left["standing"].size(), 1u) << left;
  EXPECT_EQ(left["standing"][0]["action"], "hold");
  EXPECT_EQ(Client().Ask("GET", std::string(kStanding) + "?kind=account", "", "")->status, 401);
}

TEST_F(Serve, GivesAListInPages) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  std::string put;
  for (int i = 0; i < 25; ++i) {
    put += fmt::format(R"({}{{"value":"v{:02}","aliases":["α{}"]}})", i == 0 ? "" : ",", i, i);
  }
  ASSERT_EQ(Ask("POST", kWatched, "{\"put\":[" + put + "]}").status, 200);
  std::vector<std::string> values;
  std::string after;
  for (int pages = 0; pages < 10; ++pages) {
    const Json page = Json::parse(Get(kWatched + ("?limit=10" + after)).body);
    for (const Json& entry : page["entries"]) {
      values.push_back(entry["value"]);
    }
    if (!page.contains("next")) {
      break;
    }
    after = "&after=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(values.size(), 25u);
  EXPECT_TRUE(std::ranges::is_sorted(values));
  const Json named = Json::parse(Get(std::string(kWatched) + "?value=%CE%B17").body);
  ASSERT_EQ(named["entries"].size(), 1u);
  EXPECT_EQ(named["entries"][0]["value"], "v07");
  for (const char* query :
       {"?limit=0", "?limit=1001", "?limit=x", "?page=2", "?after=zz", "?value"}) {
    EXPECT_EQ(TypeOf(Get(std::string(kWatched) + query)), "invalid-change") << query;
  }
}

TEST_F(Serve, RowsOfAReferenceActOnTheNextEvent) {
  std::string text = decide::SmallPackWith("[window]", R"toml([table.limit]
kind = "reference"
key = "payer"
time = "since"
[table.limit.column]
payer = { type = "VARCHAR", class = "客户-账户-编号" }
since = { type = "TIMESTAMP", class = "参考-时间-生效" }
most = { type = "DECIMAL(18,2)", class = "参考-限额-金额" }
[window])toml");
  text.replace(text.find("[feature]"), 9,
               "[feature]\nmost = \"lookup('limit', 'most', payer, ts)\"");
  dir_.Write("packs/small/pack.toml", text);
  Start();
  constexpr const char* kLimit = "/v1/packs/small/references/limit";
  auto most = [&](const char* id) {
    return Json::parse(Decide(EventJsonText(id)).body)["features"]["most"];
  };
  EXPECT_TRUE(most("t1").is_null());
  const TestResponse made =
      Ask("POST", kLimit, R"([{"payer":"A","since":"2025-01-01T00:00:00Z","most":"5.00"}])");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(most("t2"), "5.00");
  const TestResponse bad = Ask(
      "POST", kLimit, R"([{"payer":"B","since":"2025-01-01T00:00:00Z"},{"payer":"B","most":1}])");
  EXPECT_EQ(TypeOf(bad), "invalid-change");
  EXPECT_EQ(Json::parse(bad.body)["field"], "[2].since");
  EXPECT_EQ(TypeOf(Ask("POST", "/v1/packs/small/references/limits", "[]")), "no-such-list");
  std::string many = "[";
  for (int i = 0; i <= 1000; ++i) {
    many +=
        fmt::format(R"({}{{"payer":"{}","since":"2025-01-01T00:00:00Z"}})", i == 0 ? "" : ",", i);
  }
  const TestResponse large = Ask("POST", kLimit, many + "]");
  EXPECT_EQ(large.status, 413) << "sending it again would not help";
  EXPECT_EQ(TypeOf(large), "body-too-large");
  server_.reset();
  Start();
  EXPECT_EQ(most("t3"), "5.00") << "after a restart";
}

TEST_F(Serve, TellsNoValueBackThatAChangeOrAnEventHolds) {
  dir_.Write("packs/small/pack.toml",
             PackWithStanding() +
                 "\n[list.numbers]\ntype = \"BIGINT\"\n[list.names]\ntype = "
                 "\"VARCHAR\"\n[list.days]\ntype = \"DATE\"\n");
  Start();
  // Each asks for something wrong, near values that are nobody's business: of 2999 or with
  // "secret".
  const std::string names = "/v1/packs/small/lists/names";
  const std::string numbers = "/v1/packs/small/lists/numbers";
  auto set = [](const std::string& more) {
    return R"({"op":"set","kind":"account","subject":"secret","action":"hold","reason":"r",)" +
           more + "}";
  };
  struct Case {
    std::string path;
    std::string body;
  };
  const std::vector<Case> cases = {
      {kDecisions, EventJsonText("e", "secret")},
      {kDecisions, EventJsonText("e", "29992999299929992999")},
      {kDecisions, R"({"id":"secret","ts":"2999-12-31 secret","payer":"secret","amount":1})"},
      {kDecisions, R"({"id":"secret","ts":"2999-01-01T00:00:00Z","payer":"secret","amount":"x"})"},
      {kDecisions, R"({"id":"secret","id":"secret2"})"},
      {numbers, R"({"put":[{"value":"secret"}]})"},
      {numbers, R"({"put":[{"value":"02999"}]})"},
      {numbers, R"({"put":[{"value":1,"aliases":["secret"]}]})"},
      {numbers, R"({"remove":[{"value":"secret"}]})"},
      {"/v1/packs/small/lists/days", R"({"put":[{"value":"2999/01/01"}]})"},
      {names, R"({"put":[{"value":"secret","aliases":["secret"]}]})"},
      {names, R"({"put":[{"value":"secret"},{"value":"secret"}]})"},
      {names, R"({"put":[{"value":"secret","valid_from":"2999-02-02","valid_to":"2999-01-01"}]})"},
      {names, R"({"put":[{"value":"secret","valid_from":"2999-02-31"}]})"},
      {kStanding, set(R"("above":"secret")")},
      {kStanding, set(R"("allow":"2999.999")")},
      {kStanding, set(R"("allow":"-2999")")},
      {kStanding, R"({"op":"release","kind":"account","subject":"secret","reason":"secret"})"},
      {kStanding, R"({"op":"undo","decision_id":"secret","reason":"secret"})"},
  };
  for (const Case& c : cases) {
    for (const char* language : {"en", "zh"}) {
      const TestResponse response =
          Ask("POST", c.path, c.body, fmt::format("Accept-Language: {}\r\n", language));
      EXPECT_GE(response.status, 400) << c.body;
      EXPECT_EQ(response.body.find("secret"), std::string::npos) << response.body;
      EXPECT_EQ(response.body.find("2999"), std::string::npos) << response.body;
    }
  }
  const TestResponse asked = Get(numbers + "?value=secret");
  EXPECT_EQ(TypeOf(asked), "invalid-change");
  EXPECT_EQ(asked.body.find("secret"), std::string::npos) << asked.body;
  const std::string log = Log();
  EXPECT_EQ(log.find("secret"), std::string::npos) << log;
}

TEST_F(Serve, AnswersAChangeOnlyWhenItIsOnDisk) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  disk_.Hold();
  auto later = std::async(std::launch::async,
                          [&] { return Ask("POST", kWatched, R"({"put":[{"value":"A"}]})"); });
  EXPECT_TRUE(Eventually([&] { return disk_.waiting() > 0; }));
  EXPECT_EQ(later.wait_for(milliseconds(100)), std::future_status::timeout);
  disk_.Release();
  EXPECT_EQ(later.get().status, 200);
}

}  // namespace
}  // namespace fuqi::node
