#include "node/cli.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "decide/anomaly_pack_test.h"
#include "govern/local_owner.h"
#include "ledger/log.h"
#include "node/cli_fixture_test.h"

namespace fuqi::node {
namespace {

TEST_F(Command, PrintsItsVersion) {
  EXPECT_TRUE(std::regex_match(Run({"version"}).out, std::regex("fuqi \\d+\\.\\d+\\.\\d+\n")));
  EXPECT_TRUE(Json::parse(Run({"version", "--json"}).out).contains("version"));
}

TEST_F(Command, HelpsInBothLanguages) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"sql"},
                                                  {"pack"},
                                                  {"pack", "check"},
                                                  {"pack", "test"},
                                                  {"pack", "diff"},
                                                  {"replay"},
                                                  {"decide"},
                                                  {"explain"},
                                                  {"reperform"},
                                                  {"list"},
                                                  {"list", "show"},
                                                  {"list", "add"},
                                                  {"list", "remove"},
                                                  {"list", "import"},
                                                  {"reference"},
                                                  {"reference", "show"},
                                                  {"reference", "import"},
                                                  {"log"},
                                                  {"log", "head"},
                                                  {"log", "proof"},
                                                  {"serve"},
                                                  {"key"},
                                                  {"key", "new"},
                                                  {"screen"},
                                                  {"generate"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const Ran en = Run(arguments);
    EXPECT_EQ(en.code, 0);
    EXPECT_NE(en.out.find(fmt::format("Usage: fuqi {}", fmt::join(command, " "))),
              std::string::npos)
        << en.out;
    arguments.insert(arguments.end(), {"--lang", "zh"});
    const Ran zh = Run(arguments);
    EXPECT_NE(zh.out.find("用法"), std::string::npos) << zh.out;
    for (const char* english : {"Print this help", "Options:", "Arguments", "(required)"}) {
      EXPECT_EQ(zh.out.find(english), std::string::npos) << zh.out;
    }
    for (unsigned char c : en.out) {
      ASSERT_LT(c, 0x80) << en.out;
    }
  }
}

TEST_F(Command, SaysWhatIsWrongWithACommandLine) {
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{},
        {"nonsense"},
        {"pack"},
        {"serve"},
        {"version", "--nope"},
        {"sql"},
        {"version", "--lang", "fr"},
        {"version", "--log-format", "xml"},
        {"sql", "SELECT 1", "--format", "xml"},
        {"sql", "SELECT 1", "--input", "x"},
        {"replay", "pack", "--source", "s", "--input", "i", "--no-sync"},
        {"key", "new", "a b"},
        {"pack", "chek", "x"},
        {"generate", dir_ / "data", "--seed", "x"},
        {"generate", dir_ / "data", "--seed", "-1"},
        {"generate", dir_ / "data", "--days", "3"},
        {"generate", dir_ / "data", "--start", "tomorrow"},
        {"generate", dir_ / "data", "--pattern", "circle=3"}}) {
    const Ran ran = Run(wrong);
    EXPECT_EQ(ran.code, 2) << ran.err;
    EXPECT_TRUE(ran.err.starts_with("fuqi: ")) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_EQ(Run({"pack", "chek", "x"}).err, "fuqi: not understood: chek x; see `fuqi --help`\n");
  EXPECT_EQ(Run({"generate", "x", "--seed", "y"}).err,
            "fuqi: the value given to --seed is not usable\n");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "data"));
  const Json error = Json::parse(Run({"--json", "version", "--nope"}).err);
  EXPECT_EQ(error["error"]["code"], "usage");
}

TEST_F(Command, RunsSqlOverFilesAndLeavesEvidence) {
  const std::string file = dir_.Write("loans.csv", "id,amount\n1,10.50\n2,4.25\n3,\n");
  Ran ran = Run({"sql", "SELECT count(*) AS n, sum(amount) AS total FROM '" + file + "'",
                 "--format", "csv", "--purpose", "a test"});
  EXPECT_EQ(ran.out, "n,total\r\n3,14.75\r\n") << ran.err;
  ran = Run({"sql", "SELECT l.id FROM l JOIN l AS m USING (id) WHERE l.amount > 5", "--input",
             "l=" + file, "--json"});
  EXPECT_EQ(Json::parse(ran.out), Json::parse(R"([{"id":1}])")) << ran.err;
  ran = Run({"sql", "WITH q AS (FROM read_csv('" + file + "')) SELECT max(id) m FROM q", "--format",
             "markdown"});
  EXPECT_EQ(ran.out.substr(0, 5), "| m |") << ran.err;

  std::vector<std::string> purposes;
  Result<ledger::ScanEnd> end = ledger::Scan(
      SystemDisk(), dir_ / "home/owner", 0,
      [&](const ledger::StoredRecord& record) -> Result<void> {
        FUQI_ASSIGN_OR_RETURN(govern::PermitEvidence evidence, govern::ReadPermitEvidence(record));
        purposes.push_back(evidence.purpose);
        EXPECT_EQ(evidence.plan.read_paths,
                  std::vector<std::string>{std::filesystem::canonical(file).string()});
        return {};
      });
  ASSERT_TRUE(end) << end.error().ToString();
  EXPECT_EQ(purposes, (std::vector<std::string>{"a test", "owner query", "owner query"}));
}

TEST_F(Command, TellsTheLineageOfAStatement) {
  const std::string file = dir_.Write("loans.csv", "id,amount,kind\n1,10.50,a\n");
  const Ran ran = Run(
      {"sql",
       "SELECT loans.kind, sum(amount * 2) AS total FROM '" + file + "' WHERE id > 3 GROUP BY kind",
       "--lineage", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json lineage = Json::parse(ran.out);
  ASSERT_EQ(lineage.size(), 2u);
  EXPECT_EQ(lineage[1]["output"], "total");
  std::map<std::string, bool> direct;
  for (const Json& input : lineage[1]["inputs"]) {
    direct[input["column"]] |= input["direct"].get<bool>();
  }
  EXPECT_EQ(direct,
            (std::map<std::string, bool>{{"amount", true}, {"id", false}, {"kind", false}}));
  EXPECT_EQ(Run({"sql", "SELECT 1", "--lineage"}).code, 1);
}

TEST_F(Command, PlacesWhatIsWrongInAStatement) {
  Ran ran = Run({"sql", "SELECT 1\nFROM 'none.csv'"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "fuqi: SQL:2:6: there is no file none.csv\n");
  EXPECT_NE(Run({"sql", "SELEC 1"}).err.find("SQL:1:1: "), std::string::npos);
  ran = Run({"sql", "DROP TABLE x"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "fuqi: SQL: the statement is no SELECT\n");
  EXPECT_EQ(Run({"sql", "SELECT * FROM nowhere"}).code, 1);
}

TEST_F(Command, CountsPlacesInTheStatementAsItWasTyped) {
  // The engine sees longer statements, with absolute paths and aliases in them.
  const std::string file = dir_.Write("loans.csv", "id,amount\n1,10.50\n2,4.25\n");
  const auto place = [&](const std::string& sql) {
    const Ran ran = Run({"sql", sql, "--input", "l=" + file});
    EXPECT_EQ(ran.code, 1) << ran.out;
    return ran.err.substr(0, ran.err.find(": ", 6));
  };
  EXPECT_EQ(place("SELECT nope FROM l"), "fuqi: SQL:1:8");
  EXPECT_EQ(place("SELECT id FROM l WHERE nope > 1"), "fuqi: SQL:1:24");
  EXPECT_EQ(place("SELECT l.id FROM l JOIN l AS 二 USING (id)\nWHERE 二.nope > 1"),
            "fuqi: SQL:2:7");
  EXPECT_EQ(place("SELECT l.id FROM l JOIN l AS 二 USING (id) WHERE 二.nope"), "fuqi: SQL:1:49");
}

TEST_F(Command, ReadsNoFileThatTheStatementDoesNotName) {
  const std::string secret = dir_.Write("secret.csv", "a\n1\n");
  for (const std::string& sql :
       {"SELECT * FROM read_text('" + secret + "')", "SELECT * FROM glob('" + dir_.path() + "/*')",
        "SELECT * FROM '" + dir_.path() + "/*.csv'",
        "SELECT * FROM read_csv('" + dir_.path() + "' || '/secret.csv')",
        "COPY (SELECT 1) TO '" + (dir_ / "out.csv") + "'",
        std::string("SELECT * FROM 'https://127.0.0.1/x.csv'")}) {
    const Ran ran = Run({"sql", sql});
    // What names its file in the clear is a read like any other, with evidence.
    if (!sql.starts_with("SELECT * FROM read_text")) {
      EXPECT_EQ(ran.code, 1) << sql << ran.out;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.csv"));
}

TEST_F(Command, ChecksAPack) {
  Ran ran = Run({"pack", "check", dir_ / "pack"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("large_share_1d"), std::string::npos);
  const Json check = Json::parse(Run({"pack", "check", dir_ / "pack", "--json", "--lineage"}).out);
  EXPECT_EQ(check["pack"], "small");
  EXPECT_EQ(check["features"][0]["type"], "BIGINT");
  EXPECT_EQ(check["features"][3]["level"], 1);
  EXPECT_EQ(check["rules"].size(), 3u);
  EXPECT_TRUE(check["windows"][0]["exact_when_sharded"]);
  bool seen = false;
  for (const Json& lineage : check["lineage"]) {
    seen |= lineage["output"] == "sum_1d" &&
            lineage["inputs"].dump().find("amount") != std::string::npos;
  }
  EXPECT_TRUE(seen);
  EXPECT_TRUE(Json::parse(Run({"pack", "check", dir_ / "pack", "--openlineage"}).out).is_object());
}

TEST_F(Command, ChecksWhatAnomaliesOfAPackTake) {
  dir_.Write("pack/pack.toml", decide::PackWithAnomalies());
  const Json check = Json::parse(Run({"pack", "check", dir_ / "pack", "--json"}).out);
  ASSERT_EQ(check["anomalies"].size(), 3u);
  EXPECT_EQ(check["anomalies"][0]["level"], 0);
  EXPECT_EQ(check["anomalies"][1], (Json{{"name", "odd"},
                                         {"level", check["anomalies"][1]["level"]},
                                         {"inputs", 5},
                                         {"window", 100},
                                         {"trees", 6},
                                         {"depth", 7},
                                         {"steps_max", 6 * 7},
                                         {"bytes", 6 * 256 * 8 + 100 * 4}}));
  EXPECT_LT(check["anomalies"][1]["level"], check["anomalies"][2]["level"]);
  const Ran chinese = Run({"pack", "check", dir_ / "pack", "--lang", "zh"});
  EXPECT_TRUE(std::regex_search(chinese.out, std::regex("\nodd +5 +100 +6 +7 +42 +12688")))
      << chinese.out;
}

TEST_F(Command, PlacesWhatIsWrongInAPack) {
  dir_.Write("pack/pack.toml", decide::SmallPackWith("count_1d >= 3", "count_1d >= nothing"));
  const Ran ran = Run({"pack", "check", dir_ / "pack"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("pack.toml:"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("nothing"), std::string::npos) << ran.err;
  const Ran nowhere = Run({"pack", "check", dir_ / "nowhere"});
  EXPECT_EQ(nowhere.code, 3);
  EXPECT_EQ(nowhere.out, "");
}

TEST_F(Command, FailsATestOfAPackWithoutScenarios) {
  const Ran ran = Run({"pack", "test", dir_ / "pack", "--json"});
  EXPECT_EQ(ran.code, 1);
  const Json report = Json::parse(ran.out);
  EXPECT_EQ(report["passed"], false);
  EXPECT_FALSE(report["uncovered"].empty());
}

TEST_F(Command, DecidesLinesOneForOne) {
  const Ran ran = Run({"decide", dir_ / "pack"},
                      Line("a") + Line("b", "2000") + "{\"id\":\n" + Line("a") + Line("a", "7") +
                          "\n" + R"({"id":"c","ts":"2026-01-01T08:30:00Z","payer":"A"})" + "\n" +
                          "[]\n" + std::string(2 << 20, 'x') + "\n" + Line("last"));
  EXPECT_EQ(ran.code, 1) << "some lines could not be decided";
  std::vector<Json> answers;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    answers.push_back(Json::parse(line));
  }
  ASSERT_EQ(answers.size(), 10u);
  EXPECT_EQ(answers[0]["action"], "approve");
  EXPECT_EQ(answers[1]["action"], "block");
  EXPECT_EQ(answers[2]["line"], 3);
  EXPECT_EQ(answers[2]["error"]["code"], "parse");
  EXPECT_TRUE(answers[2]["error"].contains("column"));
  EXPECT_FALSE(answers[2]["error"].contains("line"));
  EXPECT_EQ(answers[3], answers[0]);
  EXPECT_EQ(answers[4]["error"]["code"], "conflict");
  EXPECT_EQ(answers[5]["error"]["code"], "parse");
  EXPECT_EQ(answers[6]["error"]["field"], "amount");
  EXPECT_EQ(answers[7]["line"], 8);
  EXPECT_EQ(answers[8]["error"]["code"], "resource_exhausted");
  EXPECT_EQ(answers[9]["event_id"], "last");
}

TEST_F(Command, DecidesALastLineWithoutItsEnd) {
  const std::string line = Line("a");
  const Ran ran = Run({"decide", dir_ / "pack"}, line.substr(0, line.size() - 1));
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(Json::parse(ran.out)["event_id"], "a");
  EXPECT_EQ(Run({"decide", dir_ / "pack"}, "").out, "");
}

TEST_F(Command, ExplainsAndReperformsWhatItDecided) {
  const std::string log = dir_ / "log";
  Ran ran = Run({"decide", dir_ / "pack", "--log", log}, Line("a") + Line("b") + Line("c", "1500"));
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string last = ran.out.substr(ran.out.rfind("{\"decision_id\""));
  const std::string id = Json::parse(last)["decision_id"];

  ran = Run({"explain", "--log", log, id});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("a large amount"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("block (refuse the payment)"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("The proof holds"), std::string::npos);
  ran = Run({"explain", "--log", log, id, "--lang", "zh"});
  EXPECT_NE(ran.out.find("证明成立"), std::string::npos) << ran.out;
  const Json explained = Json::parse(Run({"explain", "--log", log, id, "--json"}).out);
  EXPECT_EQ(explained["action"], "block");
  EXPECT_EQ(explained["hits"][0]["reads"][0]["name"], "count_1d");
  EXPECT_EQ(explained["hits"][0]["reads"][0]["value"], "3");
  EXPECT_EQ(explained["decision_proof"]["format"], "fuqi-record-proof-1");

  ran = Run({"reperform", "--log", log, "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(Json::parse(ran.out)["equal"], 3);
  EXPECT_EQ(Run({"reperform", "--log", log, "--decision", id}).code, 0);
  ran = Run({"log", "head", "--log", log, "--json"});
  EXPECT_EQ(Json::parse(ran.out)["size"], 7) << ran.err;
  ran = Run({"log", "proof", "--log", log, id});
  EXPECT_EQ(Json::parse(ran.out)["index"], 6) << ran.err;

  for (const char* event : {"small-00000000000000000001", "small-00000000000000000099"}) {
    EXPECT_EQ(Run({"explain", "--log", log, event}).code, 1);
    EXPECT_EQ(Run({"log", "proof", "--log", log, event}).code, 1);
    EXPECT_EQ(Run({"reperform", "--log", log, "--decision", event}).code, 1);
  }
  EXPECT_EQ(Run({"explain", "--log", dir_ / "nowhere", id}).code, 1);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "nowhere"));
  EXPECT_EQ(Run({"explain", "--log", log, "nonsense"}).code, 1);
}

TEST_F(Command, LooksForADecisionInItsOwnPacksLogOnly) {
  const std::string log = dir_ / "log";
  Run({"decide", dir_ / "pack", "--log", log}, Line("a"));
  const std::string other = "other-00000000000000000002";
  for (const std::vector<std::string>& command : {std::vector<std::string>{"explain", other},
                                                  {"log", "proof", other},
                                                  {"reperform", "--decision", other}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--log", log});
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_NE(ran.err.find("fuqi/small/sha256"), std::string::npos) << ran.err;
  }
}

TEST_F(Command, SaysWhoHoldsALogThatANodeRunsOn) {
  const std::string log = dir_ / "log";
  Run({"decide", dir_ / "pack", "--log", log}, Line("a"));
  const std::string id = "small-00000000000000000002";
  EXPECT_EQ(Run({"explain", "--log", log, id}).code, 0);
  Result<std::unique_ptr<ledger::Log>> held = ledger::Log::Open(SystemDisk(), log + "/log", {});
  ASSERT_TRUE(held);
  const Ran ran = Run({"explain", "--log", log, id});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("a running node holds the log"), std::string::npos) << ran.err;
  std::filesystem::copy(log, dir_ / "copy", std::filesystem::copy_options::recursive);
  EXPECT_EQ(Run({"explain", "--log", dir_ / "copy", id}).code, 0) << "as it advises";
}

TEST_F(Command, ExitsWith4WhenEvidenceDoesNotVerify) {
  const std::string log = dir_ / "log";
  Run({"decide", dir_ / "pack", "--log", log}, Line("a") + Line("b") + Line("c", "1500"));
  for (const auto& entry : std::filesystem::directory_iterator(log + "/log")) {
    if (entry.file_size() < 1000) {
      continue;
    }
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(700);
    file.put('\x7f');
  }
  const Ran ran = Run({"reperform", "--log", log});
  EXPECT_EQ(ran.code, 4) << ran.err << ran.out;
}

// The small pack with a list and a reference, and a log of it that holds one decision.
TEST_F(Command, ComparesAndReplaysGeneratedEvents) {
  const std::string data = dir_ / "data";
  Ran ran = Run({"generate", "--seed", "7", "--accounts", "1000", "--days", "14", data, "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string pack = std::string(FUQI_SOURCE_DIR) + "/packs/aml";
  ran = Run({"pack", "diff", pack, "--source", "generated", "--input", data + "/transactions.csv",
             "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const Json diff = Json::parse(ran.out);
  EXPECT_GT(diff["events"], 100);
  EXPECT_EQ(diff["mismatches"], 0);
  const std::vector<std::string> replay = {
      "replay", pack, "--source", "generated", "--input", data + "/transactions.csv", "--json"};
  const Json first = Json::parse(Run(replay).out);
  std::vector<std::string> logged = replay;
  logged.insert(logged.end(),
                {"--log", dir_ / "log", "--no-sync", "--labels", data + "/labels.csv"});
  const Json second = Json::parse(Run(logged).out);
  EXPECT_EQ(first["events"], diff["events"]);
  EXPECT_EQ(first["digest"], second["digest"]);
  EXPECT_TRUE(second.contains("ranking"));
  EXPECT_LT(first["alerts"].get<double>() / first["events"].get<double>(), 0.2);
  for (const Json& rule : second["rules"]) {
    EXPECT_EQ(rule["events"]["precision"].is_null(), rule["hits"] == 0) << rule;
  }
  EXPECT_EQ(Run({"replay", pack, "--source", "nope", "--input", data + "/labels.csv"}).code, 1);

  // A version of the log, by its hash, against one in a folder: the log's own events.
  const Json versions = Json::parse(Run({"log", "versions", "--log", dir_ / "log", "--json"}).out);
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions[0]["decisions"], first["events"]);
  EXPECT_EQ(versions[0]["pack_hash"], second["pack_hash"]);
  const std::string hash = versions[0]["pack_hash"].get<std::string>().substr(0, 12);
  const std::string newer = dir_ / "newer";
  std::filesystem::copy(pack, newer, std::filesystem::copy_options::recursive);
  std::ofstream(newer + "/pack.toml", std::ios::app)
      << "[[rule]]\nid = \"always\"\nwhen = \"amount > 0\"\nthen = \"review\"\n"
         "reason = { zh = \"总是\", en = \"always\" }\n";
  const std::string chart = dir_ / "chart.svg";
  ran = Run({"backtest", hash, newer, "--log", dir_ / "log", "--source", "generated", "--labels",
             data + "/labels.csv", "--chart", chart, "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json backtest = Json::parse(ran.out);
  EXPECT_EQ(backtest["events"], first["events"]);
  EXPECT_EQ(backtest["total"]["before"]["alerts"], first["alerts"]);
  EXPECT_EQ(backtest["total"]["after"]["alerts"], first["events"]);
  EXPECT_EQ(backtest["rules"].back()["in"], "after");
  EXPECT_EQ(backtest["rules"].back()["after"]["hits"], first["events"]);
  EXPECT_EQ(backtest["rules"].back()["after"]["detection"]["recall"], 1.0);
  EXPECT_TRUE(std::filesystem::exists(chart));
  ran = Run(
      {"backtest", pack, newer, "--source", "generated", "--input", data + "/transactions.csv"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("always (new)"), std::string::npos) << ran.out;
}

TEST_F(Command, DecidesPaymentsAndLogInsOfTheCardPackAsOneStream) {
  const std::string data = dir_ / "data";
  Ran ran = Run({"generate", "--seed", "3", "--accounts", "800", "--days", "14", data, "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json generated = Json::parse(ran.out);
  const std::string pack = std::string(FUQI_SOURCE_DIR) + "/packs/card";
  const std::vector<std::string> files = {
      "--source", "generated",        "--input", data + "/transactions.csv",
      "--source", "generated_logins", "--input", data + "/logins.csv"};
  auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), files.begin(), files.end());
    const Ran done = Run(std::move(arguments));
    EXPECT_EQ(done.code, 0) << done.err << done.out;
    return Json::parse(done.code == 0 ? done.out : "{}");
  };
  const Json diff = run({"pack", "diff", pack, "--json"});
  EXPECT_EQ(diff["mismatches"], 0) << diff;
  EXPECT_GT(diff["events"], 5'000);
  EXPECT_GT(diff["events"], generated["logins"]);

  const Json replay = run({"replay", pack, "--json"});
  const Json logged = run({"replay", pack, "--log", dir_ / "log", "--no-sync", "--labels",
                           data + "/labels.csv", "--json"});
  EXPECT_EQ(replay["events"], diff["events"]);
  EXPECT_EQ(replay["digest"], logged["digest"]);
  for (const Json& rule : logged["rules"]) {
    if (rule["id"] == "strange_login_then_large") {
      EXPECT_EQ(rule["entities"]["bad_alerted"], 4) << "each account that was taken over";
    }
  }
  EXPECT_EQ(Run({"reperform", "--log", dir_ / "log"}).code, 0);
  const Json backtest = run({"backtest", pack, pack, "--segment", "kind", "--json"});
  EXPECT_EQ(backtest["events"], replay["events"]);
  EXPECT_EQ(backtest["segments"].size(), 2u);
  EXPECT_EQ(Run({"backtest", pack, pack, "--log", dir_ / "log"}).code, 0);

  EXPECT_EQ(Run({"replay", pack, "--source", "generated", "--input", data + "/transactions.csv",
                 "--source", "generated_logins"})
                .code,
            2);
  ran = Run({"replay", pack, "--source", "generated", "--input", data + "/logins.csv"});
  EXPECT_EQ(ran.code, 1) << "a file of the other kind";
}

TEST_F(Command, AnEventSaysOfWhichKindItIs) {
  const std::string pack = std::string(FUQI_SOURCE_DIR) + "/packs/card";
  const Json login = {{"kind", "login"},  {"event_id", "l1"}, {"ts", "2026-01-01T08:30:00Z"},
                      {"card", "c1"},     {"country", "CN"},  {"device", "d1"},
                      {"succeeded", true}};
  auto with = [&](const char* column, const Json& value) {
    Json event = login;
    event[column] = value;
    return event.dump() + "\n";
  };
  const Ran ran = Run({"decide", pack}, login.dump() + "\n" + with("kind", nullptr) +
                                            with("kind", "logon") + with("amount", "1.00") +
                                            with("device", nullptr) + with("event_id", "l2"));
  EXPECT_EQ(ran.code, 1);
  std::vector<Json> answers;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    answers.push_back(Json::parse(line));
  }
  ASSERT_EQ(answers.size(), 6u);
  EXPECT_EQ(answers[0]["action"], "approve");
  EXPECT_EQ(answers[5]["action"], "approve");
  for (auto [line, field, message] : {std::tuple(1, "kind", "one of: payment, login"),
                                      {2, "kind", "there are: payment, login"},
                                      {3, "amount", "the kind 'login' have no such"},
                                      {4, "device", "'login' need one"}}) {
    EXPECT_EQ(answers[line]["error"]["field"], field) << answers[line];
    EXPECT_NE(answers[line].dump().find(message), std::string::npos) << answers[line];
  }
}

TEST_F(Command, MinesRulesThatCanBePastedAndTunesThem) {
  // Few payments are large; those of more than 900 come from bad payers.
  std::string events;
  std::string labels = "account,fraud\n";
  for (int i = 0; i < 4000; ++i) {
    const bool bad = i % 10 == 3;
    events += Json{{"id", std::to_string(i)},
                   {"ts", "2024-03-01 10:00:00"},
                   {"payer", fmt::format("p{}", i)},
                   {"payee", fmt::format("q{}", i)},
                   {"amount", fmt::format("{}.00", bad && i % 3 != 0 ? 910 + i % 70 : i * 7 % 880)}}
                  .dump() +
              "\n";
    labels += fmt::format("p{},{}\n", i, bad ? 1 : 0);
  }
  dir_.Write("pack/sources.toml",
             "[source.s]\nformat = \"jsonl\"\nsql = \"SELECT * FROM input\"\n[source.s.columns]\n"
             "id = \"VARCHAR\"\nts = \"TIMESTAMP\"\npayer = \"VARCHAR\"\npayee = \"VARCHAR\"\n"
             "amount = \"DECIMAL(18,2)\"\n[label.s]\nentity = [\"payer\"]\nformat = \"csv\"\n"
             "sql = \"SELECT account AS entity, fraud = 1 AS bad FROM input\"\n"
             "columns = { account = \"VARCHAR\", fraud = \"INTEGER\" }\n");
  const std::vector<std::string> input = {"--source", "s",
                                          "--input",  dir_.Write("events.jsonl", events),
                                          "--labels", dir_.Write("labels.csv", labels)};
  auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), input.begin(), input.end());
    return Run(std::move(arguments));
  };
  const Ran mined = run({"mine", dir_ / "pack"});
  ASSERT_EQ(mined.code, 0) << mined.err;
  EXPECT_NE(mined.out.find("amount >= "), std::string::npos) << mined.out;
  const Json json = Json::parse(run({"mine", dir_ / "pack", "--json"}).out);
  ASSERT_FALSE(json["rules"].empty());
  const Json& best = json["rules"][0];
  EXPECT_EQ(best["test"]["precision"], 1.0) << best;

  dir_.Write("pack/pack.toml", std::string(decide::kSmallPack) + mined.out);
  const Ran replayed = run({"replay", dir_ / "pack", "--json"});
  ASSERT_EQ(replayed.code, 0) << replayed.err << mined.out;
  const Json rule = Json::parse(replayed.out)["rules"][3];
  EXPECT_EQ(rule["id"], "mined_1");
  EXPECT_EQ(rule["shadow"], true);
  EXPECT_EQ(rule["hits"], best["train"]["hits"].get<int>() + best["test"]["hits"].get<int>());

  const std::string chart = dir_ / "tune.svg";
  const Ran tuned = run(
      {"tune", dir_ / "pack", "--rule", "large", "--cost-fp", "1000", "--chart", chart, "--json"});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  const Json threshold = Json::parse(tuned.out)["thresholds"][0];
  EXPECT_EQ(threshold["current"]["threshold"], 1000);
  EXPECT_LT(threshold["best"]["threshold"], 980);
  EXPECT_GT(threshold["best"]["threshold"], 870);
  EXPECT_EQ(threshold["when"],
            fmt::format("amount >= {}", threshold["best"]["threshold"].get<double>()));
  EXPECT_TRUE(std::filesystem::exists(chart));
  EXPECT_EQ(run({"tune", dir_ / "pack", "--rule", "large", "--cost-fn", "dear"}).code, 2);
  EXPECT_EQ(run({"tune", dir_ / "pack", "--rule", "lerge"}).code, 1);
  EXPECT_EQ(Run({"mine", dir_ / "pack", "--log", dir_ / "none"}).code, 2) << "no labels";
}

TEST_F(Command, RefusesABacktestOfWhatCannotBeCompared) {
  const std::string pack = dir_ / "pack";
  const std::string log = dir_ / "log";
  Run({"decide", pack, "--log", log}, Line("a"));
  const std::string other = dir_ / "other";
  dir_.Write("other/pack.toml", decide::SmallPackWith("name = \"small\"", "name = \"other\""));
  auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "backtest");
    return Run(std::move(arguments)).code;
  };
  EXPECT_EQ(code({pack, pack, "--log", log}), 0);
  EXPECT_EQ(code({pack, other, "--log", log}), 1) << "two packs";
  EXPECT_EQ(code({other, other, "--log", log}), 1) << "a log of another pack";
  EXPECT_EQ(code({"0123456789", pack, "--log", log}), 1) << "no such version";
  EXPECT_EQ(code({"0123456789", pack}), 2);
  EXPECT_EQ(code({pack, pack}), 2) << "no events";
  EXPECT_EQ(code({pack, pack, "--input", "f"}), 2) << "no source";
  EXPECT_EQ(code({pack, pack, "--log", log, "--chart", "chart.pdf"}), 2);
  EXPECT_EQ(code({pack, pack, "--log", log, "--standing", "log"}), 0);
  EXPECT_EQ(code({pack, pack, "--log", log, "--standing", "none"}), 2);
  EXPECT_EQ(code({pack, pack, "--log", dir_ / "nothing"}), 1);
}

TEST_F(Command, ShowsProgressOnlyWhenItTakesLong) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Context context{in, out, err};
  {
    Progress progress(context, "things");
    progress.Update(1, 10);
  }
  EXPECT_EQ(err.str(), "");
}

TEST_F(Command, RefusesAServerConfigurationWithExitCode3) {
  const std::string config = dir_.Write("serve.toml", "[local]\nlisten = 1\n");
  const Ran ran = Run({"serve", "--config", config, "--check-config"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("serve.toml:2:"), std::string::npos) << ran.err;
  EXPECT_EQ(Run({"serve", "--config", dir_ / "none.toml"}).code, 3);
}

}  // namespace
}  // namespace fuqi::node
