// Commands that change and show what is committed: lists, references, standing actions, screening.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "decide/screened_pack_test.h"
#include "node/cli_fixture_test.h"

namespace fuqi::node {
namespace {

TEST_F(Command, ShowsSetsReleasesAndUndoesWhatStands) {
  std::string pack = decide::SmallPackWith(
      "id = \"large\"",
      "id = \"large\"\nstanding = { kind = \"account\", subject = \"payer\", for = \"1 day\" }");
  pack +=
      "[standing.account]\ncolumns = [\"payer\", \"payee\"]\namount = \"amount\"\n"
      "reason = { zh = \"受限\", en = \"bound\" }\n";
  dir_.Write("pack/pack.toml", pack);
  const std::string log = dir_ / "log";
  const auto action = [&](const std::string& id, const std::string& amount) {
    const Ran ran = Run({"decide", dir_ / "pack", "--log", log}, Line(id, amount));
    const Json decision = Json::parse(ran.out);
    return decision["action"].get<std::string>() + (decision.contains("standing") ? "!" : "");
  };
  EXPECT_EQ(action("a", "1500"), "block");
  EXPECT_EQ(action("b", "1"), "block!");
  const Ran shown = Run({"standing", "show", "--log", log, "--json"});
  const Json standing = Json::parse(shown.out)["standing"];
  ASSERT_EQ(standing.size(), 1u) << shown.out;
  EXPECT_EQ(standing[0]["subject"], "A");
  EXPECT_EQ(standing[0]["action"], "block");
  EXPECT_EQ(standing[0]["rule"], "large");
  EXPECT_EQ(standing[0]["until"], "2026-01-02T08:30:00Z");
  const std::string decision = standing[0]["decision_id"];
  const Ran explained = Run({"explain", "--log", log, "small-00000000000000000005"});
  EXPECT_NE(explained.out.find("set by " + decision), std::string::npos) << explained.out;

  const std::vector<std::string> undo = {"standing", "undo",     decision,       "--log",
                                         log,        "--reason", "a false alarm"};
  EXPECT_EQ(Run(undo).code, 0);
  const Ran again = Run(undo);
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.err.find("nothing that this decision set stands"), std::string::npos);
  EXPECT_EQ(action("c", "1"), "review") << "the third payment of the day";

  const std::vector<std::string> set = {"standing", "set",   "account",  "A",     "limit",
                                        "--above",  "50.00", "--reason", "asked", "--id",
                                        "case 7",   "--log", log};
  EXPECT_EQ(Run(set).code, 0);
  EXPECT_NE(Run(set).out.find("made before"), std::string::npos);
  EXPECT_EQ(action("d", "50"), "review");
  EXPECT_EQ(action("e", "51"), "limit!");
  EXPECT_EQ(Run({"standing", "release", "account", "A", "--reason", "cleared", "--log", log}).code,
            0);
  EXPECT_EQ(action("f", "51"), "review");
  const Ran none =
      Run({"standing", "release", "account", "A", "--reason", "cleared", "--log", log});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("nothing like this stands"), std::string::npos) << none.err;
  EXPECT_NE(Run({"standing", "show", "--log", log}).out.find("0 actions stand"), std::string::npos);
  EXPECT_EQ(Run({"reperform", "--log", log}).code, 0);
}

TEST_F(Command, ListsRetriesAndDropsWhatTheOutboxOwes) {
  dir_.Write("pack/pack.toml",
             std::string(decide::kSmallPack) + "\n[outbox.desk]\nactions = [\"block\"]\n");
  const std::string log = dir_ / "log";
  const Ran decided =
      Run({"decide", dir_ / "pack", "--log", log}, Line("a", "1500") + Line("b", "1600"));
  ASSERT_EQ(decided.code, 0) << decided.err;
  const auto listed = [&] {
    return Json::parse(Run({"outbox", "list", "--log", log, "--json"}).out)["messages"];
  };
  const Json owed = listed();
  ASSERT_EQ(owed.size(), 2u);
  EXPECT_EQ(owed[0]["topic"], "desk");
  EXPECT_EQ(owed[0]["action"], "block");
  const std::string first = owed[0]["decision_id"];
  EXPECT_NE(Run({"outbox", "list", "--log", log}).out.find(first), std::string::npos);

  const Ran retried = Run({"outbox", "retry", "desk", first, "--reason", "it is up", "--log", log});
  EXPECT_EQ(retried.code, 1) << "it was not given up";
  EXPECT_NE(retried.err.find("being delivered already"), std::string::npos) << retried.err;
  EXPECT_EQ(Run({"outbox", "drop", "desk", first, "--reason", "by hand", "--log", log}).code, 0);
  const Json left = listed();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["decision_id"], owed[1]["decision_id"]);
  EXPECT_EQ(Run({"outbox", "drop", "desk", first, "--reason", "by hand", "--log", log}).code, 1);
  EXPECT_EQ(
      Run({"outbox", "drop", "desk", "other-00000000000000000002", "--reason", "x", "--log", log})
          .code,
      1);
  EXPECT_EQ(Run({"outbox", "drop", "desk", first, "--log", log}).code, 2) << "a reason is needed";
  EXPECT_TRUE(Json::parse(Run({"outbox", "list", "--dead", "--log", log, "--json"}).out)["messages"]
                  .empty());
}

TEST_F(Command, AllowsSoMuchAndTellsWhatRemains) {
  dir_.Write("pack/pack.toml", decide::SmallPackWith("[feature]",
                                                     "[standing.account]\ncolumns = [\"payer\"]\n"
                                                     "amount = \"amount\"\nreason = { zh = "
                                                     "\"受限\", en = \"bound\" }\n\n[feature]"));
  const std::string log = dir_ / "log";
  const auto pay = [&](const std::string& id, const std::string& amount) {
    return Json::parse(Run({"decide", dir_ / "pack", "--log", log}, Line(id, amount)).out);
  };
  EXPECT_EQ(pay("f", "0")["action"], "approve");
  const std::vector<std::string> allow = {"standing", "set",   "account", "A",     "hold",
                                          "--allow",  "20.00", "--per",   "1 day", "--reason",
                                          "asked",    "--log", log};
  EXPECT_EQ(Run(allow).code, 0);
  EXPECT_EQ(Run(allow).code, 1) << "it stands already";
  EXPECT_EQ(pay("g", "15.00")["action"], "approve");
  EXPECT_NE(Run({"standing", "show", "--log", log}).out.find("remains 5.00 of 20.00 / 1 day"),
            std::string::npos);
  const Json held = pay("h", "5.01");
  EXPECT_EQ(held["action"], "hold");
  const Ran beyond = Run({"explain", "--log", log, held["decision_id"].get<std::string>()});
  EXPECT_NE(beyond.out.find("remains 5.00 of 20.00, per 1 day"), std::string::npos) << beyond.out;
  const std::vector<std::string> both = {"standing", "set",   "account", "A",     "hold",
                                         "--allow",  "20.00", "--above", "30.00", "--reason",
                                         "asked",    "--log", log};
  EXPECT_NE(Run(both).err.find("contradict each other"), std::string::npos);
  EXPECT_EQ(Run({"standing", "release", "account", "A", "--reason", "cleared", "--log", log}).code,
            0);
  EXPECT_EQ(Run({"reperform", "--log", log}).code, 0);
}

class ListCommand : public Command {
 protected:
  void SetUp() override {
    std::string text = decide::SmallPackWith("[window]", R"toml([list.watched]
type = "VARCHAR"
entries_max = 8000

[table.limit]
kind = "reference"
key = "payer"
time = "since"
[table.limit.column]
payer = { type = "VARCHAR", class = "客户-账户-编号" }
since = { type = "TIMESTAMP", class = "参考-时间-生效" }
most = { type = "DECIMAL(18,2)", class = "参考-限额-金额" }

[window])toml");
    text += R"toml(
[[rule]]
id = "listed"
when = "in_list('watched', payer, ts) OR amount > lookup('limit', 'most', payer, ts)"
then = "freeze"
reason = { zh = "在名单中", en = "listed" }
)toml";
    dir_.Write("pack/pack.toml", text);
    EXPECT_EQ(Decide("e0"), "approve");
  }
  std::string Decide(const std::string& id) {
    const Ran ran = Run({"decide", dir_ / "pack", "--log", dir_ / "log"}, Line(id));
    EXPECT_EQ(ran.code, 0) << ran.err;
    last_ = Json::parse(ran.out);
    return last_["action"];
  }
  Ran On(const std::string& group, const std::string& command, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {group, command, "--log", dir_ / "log", "--json"});
    return Run(arguments);
  }
  size_t Size() { return Json::parse(On("list", "show", {"watched"}).out)["size"].get<size_t>(); }
  Json last_;
};

TEST_F(Command, APackThatScreensSaysWhomANameMetUntilSomebodyRulesItOut) {
  const std::string log = dir_ / "log";
  dir_.Write("pack/pack.toml", decide::PackWithScreening());
  dir_.Write("pack/lists/sanctions.csv",
             "value,aliases,source,reason\n\"ZHANG, Sanfeng\",张三丰,UN,arms\n");
  const auto decide = [&](const std::string& id) {
    const Ran ran = Run({"decide", dir_ / "pack", "--log", log},
                        fmt::format(R"({{"id":"{}","ts":"2026-01-01 00:00:00","payer":"{}",)"
                                    R"("payee":"Chang San-feng","amount":"5.00"}})"
                                    "\n",
                                    id, id));
    EXPECT_EQ(ran.code, 0) << ran.err;
    return Json::parse(ran.out);
  };
  const Json first = decide("a");
  EXPECT_EQ(first["action"], "block");
  const Ran told = Run({"explain", "--log", log, first["decision_id"]});
  EXPECT_NE(told.out.find("'Chang San-feng' is "), std::string::npos) << told.out;
  EXPECT_NE(told.out.find("(by Wade-Giles)"), std::string::npos) << told.out;
  const Json explained =
      Json::parse(Run({"explain", "--log", log, first["decision_id"], "--json"}).out);
  EXPECT_EQ(explained["entries"][0]["screened"]["score"], first["features"]["payee_sanctions"]);
  EXPECT_EQ(explained["entries"][0]["screened"]["matches"].size(), 3u) << told.out;

  const std::vector<std::string> clear = {
      "list", "add", "ruled_out", "Chang San-feng", "--source", "ZHANG, Sanfeng", "--log", log};
  const Ran refused = Run(clear);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("a clearance needs"), std::string::npos) << refused.err;
  std::vector<std::string> with_reason = clear;
  with_reason.insert(with_reason.end(), {"--reason", "a monk of the Ming"});
  EXPECT_EQ(Run(with_reason).code, 0);
  EXPECT_EQ(decide("b")["action"], "approve");
  EXPECT_EQ(Run({"reperform", "--log", log}).code, 0);
}

TEST_F(ListCommand, ChangesAListOfALogThatNoNodeHolds) {
  Ran ran = On("list", "add",
               {"watched", "A", "--from", "2025-12-31", "--alias", "A2", "--source", "police",
                "--reason", "fraud", "--id", "k1"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json added = Json::parse(ran.out);
  EXPECT_EQ(added["size"], 1);
  ran = On("list", "add",
           {"watched", "A", "--from", "2025-12-31", "--alias", "A2", "--source", "police",
            "--reason", "fraud", "--id", "k1"});
  EXPECT_EQ(Json::parse(ran.out)["repeated"], true);
  EXPECT_EQ(Decide("e1"), "freeze");

  ran = Run({"explain", last_["decision_id"], "--log", dir_ / "log"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* said :
       {"list 'watched', entry ", "source police, reason fraud", "entered by "}) {
    EXPECT_NE(ran.out.find(said), std::string::npos) << ran.out;
  }
  EXPECT_EQ(Run({"reperform", "--log", dir_ / "log"}).code, 0);

  const Json shown = Json::parse(On("list", "show", {"watched", "--value", "A2"}).out);
  ASSERT_EQ(shown["entries"].size(), 1u);
  EXPECT_EQ(shown["entries"][0]["reason"], "fraud");
  EXPECT_NE(Run({"list", "show", "watched", "--log", dir_ / "log"}).out.find("1 of 1 entries"),
            std::string::npos);
  EXPECT_EQ(On("list", "remove", {"watched", "A", "--source", "court"}).code, 1);
  const std::vector<std::string> gone = {"watched", "A", "--source", "police", "--id", "k2"};
  const Ran removed = On("list", "remove", gone);
  ASSERT_EQ(removed.code, 0) << removed.err;
  const Ran again = On("list", "remove", gone);
  ASSERT_EQ(again.code, 0) << "under its id it is the same change: " << again.err;
  EXPECT_EQ(Json::parse(again.out)["repeated"], true);
  EXPECT_EQ(Json::parse(again.out)["record"], Json::parse(removed.out)["record"]);
  EXPECT_EQ(On("list", "remove", {"watched", "A", "--source", "police"}).code, 1);
  EXPECT_EQ(On("list", "remove", {"watched", "B", "--id", "k2"}).code, 1) << "the id is another's";
  EXPECT_EQ(Decide("e2"), "review") << "the third of the day, and no longer listed";
  EXPECT_EQ(On("list", "show", {"wached"}).code, 1);
  EXPECT_EQ(On("list", "add", {"watched", "B", "--from", "soon"}).code, 2);
}

TEST_F(ListCommand, ImportsAFileWholeOrNotAtAll) {
  dir_.Write("new.csv", "value,source\nA,police\nB,police\n");
  Ran ran = On("list", "import", {"watched", dir_ / "new.csv"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(Size(), 2u);
  EXPECT_EQ(Json::parse(On("list", "import", {"watched", dir_ / "new.csv"}).out)["put"], 0);
  dir_.Write("bad.csv", "value,valid_from,valid_to\nC,,\nD,2024-01-02,2024-01-01\n");
  ran = On("list", "import", {"watched", dir_ / "bad.csv"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("\"line\":3"), std::string::npos) << ran.err;
  EXPECT_EQ(Size(), 2u);
  dir_.Write("newer.csv", "value,source\nB,police\nE,court\n");
  ran = On("list", "import", {"watched", dir_ / "newer.csv", "--replace"});
  EXPECT_EQ(Json::parse(ran.out)["removals"], 1) << ran.err;
  EXPECT_EQ(Size(), 2u);
  EXPECT_EQ(Decide("e1"), "approve") << "A is listed no more";
  dir_.Write("nobody.csv", "value,source\n");
  ran = On("list", "import", {"watched", dir_ / "nobody.csv", "--replace"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("would empty the list 'watched'"), std::string::npos) << ran.err;
  EXPECT_EQ(Size(), 2u);
  EXPECT_EQ(On("list", "import", {"watched", dir_ / "nobody.csv", "--empty"}).code, 2);
  EXPECT_EQ(On("list", "import", {"watched", dir_ / "nobody.csv", "--replace", "--empty"}).code, 0);
  EXPECT_EQ(Size(), 0u);
  dir_.Write("sdn.csv", "36,\"A\",-0- ,\"CUBA\",-0- \n");
  dir_.Write("alt.csv", "36,1,\"aka\",\"A LTD\",-0- \n");
  ran = On("list", "import",
           {"watched", dir_ / "sdn.csv", "--format", "ofac", "--aliases", dir_ / "alt.csv"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(Decide("e2"), "freeze");
  EXPECT_EQ(On("list", "import", {"watched", dir_ / "none.csv"}).code, 1);
  EXPECT_EQ(On("list", "import", {"watched", dir_ / "new.csv", "--format", "xls"}).code, 2);
}

TEST_F(ListCommand, ImportsRowsOfAReference) {
  dir_.Write("limits.csv", "payer,since,most\nA,2025-01-01,0.50\n");
  Ran ran = On("reference", "import", {"limit", dir_ / "limits.csv"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(Json::parse(ran.out)["size"], 1);
  EXPECT_EQ(Decide("e1"), "freeze");
  EXPECT_EQ(Json::parse(On("reference", "show", {"limit"}).out)["rows"][0]["most"], "0.50");
  dir_.Write("bad.csv", "payer,since,most\nA,2025-01-01,9.00\nB,2025-01-01,x\n");
  EXPECT_EQ(On("reference", "import", {"limit", dir_ / "bad.csv"}).code, 1);
  EXPECT_EQ(Decide("e2"), "freeze") << "nothing of it was put";
  const Json check = Json::parse(Run({"pack", "check", dir_ / "pack", "--json"}).out);
  EXPECT_EQ(check["references"][0]["name"], "limit");
  EXPECT_EQ(
      check["references"][0]["columns"][0],
      (Json{{"name", "payer"}, {"type", "VARCHAR"}, {"key", true}, {"class", "客户-账户-编号"}}));
}

TEST_F(Command, ScreensNamesAndSaysWhy) {
  dir_.Write("people.csv", "value,aliases,source\n\"CHANG San-feng\",Zhang Sanfeng,OFAC\n");
  dir_.Write("cleared.csv",
             "name,entry,reason,by,valid_to\n"
             "张三丰,CHANG San-feng,known customer,wang,2026-02-01\n");
  const std::vector<std::string> screen = {"screen", "--list", dir_ / "people.csv"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), screen.begin(), screen.end());
    return more;
  };

  const Ran found = Run(with({"張三豐", "nobody"}));
  EXPECT_EQ(found.code, 0);
  EXPECT_NE(found.out.find("96.00"), std::string::npos) << found.out;
  EXPECT_NE(found.out.find("张 = zhang (by pinyin)"), std::string::npos) << found.out;
  EXPECT_NE(found.out.find("nobody\n  no hit\n"), std::string::npos) << found.out;
  EXPECT_NE(Run(with({"--lang", "zh", "张三丰"})).out.find("拼音"), std::string::npos);

  const Ran lines = Run(with({"--json"}), "{\"name\":\"Cheung Sam Fung\"}\nno\n");
  EXPECT_EQ(lines.code, 1);
  EXPECT_NE(lines.err.find("line 2"), std::string::npos) << lines.err;
  const Json json = Json::parse(lines.out);
  EXPECT_EQ(json["hits"].at(0)["entry"], "CHANG San-feng");
  EXPECT_EQ(json["hits"].at(0)["matches"].at(0)["way"], "cantonese");

  const Ran strict = Run(with({"--threshold", "people=97", "张三丰"}));
  EXPECT_NE(strict.out.find("no hit"), std::string::npos) << strict.out;
  const auto cleared = [&](const char* at) {
    return Json::parse(
        Run(with({"--json", "--cleared", dir_ / "cleared.csv", "--at", at, "张三丰"})).out);
  };
  EXPECT_EQ(cleared("2026-01-31 23:59:59")["hits"].at(0)["cleared"]["by"], "wang");
  EXPECT_EQ(cleared("2026-01-31 23:59:59")["score"], "0.00");
  EXPECT_EQ(cleared("2026-02-01 00:00:00")["score"], "96.00");
}

TEST_F(Command, RefusesToScreenWithWhatIsNoList) {
  dir_.Write("people.csv", "value\nLi Na\n");
  dir_.Write("bad.csv", "name\nLi Na\n");
  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "screen");
    arguments.emplace_back("Li Na");
    return Run(arguments).code;
  };
  const std::string people = dir_ / "people.csv";
  EXPECT_EQ(code({"--list", people}), 0);
  EXPECT_EQ(code({}), 2);
  EXPECT_EQ(code({"--list", dir_ / "none.csv"}), 1);
  EXPECT_EQ(code({"--list", dir_ / "bad.csv"}), 1);
  EXPECT_EQ(code({"--list", people, "--list", people}), 2);
  EXPECT_EQ(code({"--list", people, "--threshold", "0"}), 2);
  EXPECT_EQ(code({"--list", people, "--threshold", "other=80"}), 2);
  EXPECT_EQ(code({"--list", people, "--at", "soon"}), 2);
  EXPECT_EQ(code({"--list", people, "--top", "0"}), 2);
}

}  // namespace
}  // namespace fuqi::node
