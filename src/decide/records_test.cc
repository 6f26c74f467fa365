#include "decide/records.h"

#include <gtest/gtest.h>

#include "decide/change.h"
#include "decide/fold.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

using ledger::Record;
using ledger::RecordType;

TEST(DecisionId, GoesBothWays) {
  for (uint64_t seq : {uint64_t{1}, uint64_t{17}, UINT64_MAX}) {
    const std::string id = DecisionId("aml", seq);
    EXPECT_EQ(id.size(), 24u);
    Result<DecisionRef> ref = ParseDecisionId(id);
    ASSERT_TRUE(ref.has_value());
    EXPECT_EQ(ref->pack, "aml");
    EXPECT_EQ(ref->seq, seq);
  }
  EXPECT_EQ(DecisionId("aml", 17), "aml-00000000000000000017");
}

TEST(DecisionId, RefusesWhatItDoesNotWrite) {
  for (const char* id :
       {"", "aml", "aml-17", "-00000000000000000017", "aml-0000000000000000001x",
        "aml-99999999999999999999", "aml00000000000000000017", "aml- 0000000000000000017",
        "aml-+0000000000000000017", "aml-00000000000000000000"}) {
    EXPECT_EQ(ParseDecisionId(id).error().code(), ErrorCode::kParse) << id;
  }
}

TEST(Records, PublishGoesBothWays) {
  const PublishRecord publish = PublishOf(*SmallPack());
  EncodedRecord encoded;
  EncodePublish(publish, encoded);
  Result<PublishRecord> read = DecodePublish(encoded.As(RecordType::kPublish));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->pack, "small");
  EXPECT_EQ(read->hash, SmallPack()->pack().hash);
  EXPECT_EQ(read->semantics, kSemantics);
  EXPECT_EQ(read->key, "id");
  EXPECT_EQ(read->events, SmallPack()->event_schema());
  EXPECT_EQ(read->features, SmallPack()->feature_schema());
  EXPECT_EQ(read->rules, (std::vector<std::string>{"burst", "large", "spread"}));
  EXPECT_EQ(read->files, SmallPack()->pack().files);
  EXPECT_TRUE(ParsePack(read->files).has_value());
}

TEST(Records, PublishWithOtherContentThanItsHashIsCorrupt) {
  EncodedRecord encoded;
  EncodePublish(PublishOf(*SmallPack()), encoded);
  encoded.payload.back() ^= 1;
  EXPECT_EQ(DecodePublish(encoded.As(RecordType::kPublish)).error().code(), ErrorCode::kCorrupt);
}

TEST(Records, ListChangeGoesBothWaysAndKeepsNamesInItsPayload) {
  ListChange change;
  change.head = {"officer", kStartUs, "key 1"};
  change.list = "watched";
  change.puts.push_back({"张三", {"Zhang San", "章三"}, 5, kForEver, "police", "fraud"});
  change.removals.push_back({"李四", "police", kSinceEver});
  EncodedRecord encoded;
  EncodeChange(change, encoded);
  const Record record = encoded.As(RecordType::kListChange);
  Result<Change> read = DecodeChange(record);
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  const auto& list = std::get<ListChange>(*read);
  EXPECT_EQ(list.head.by, "officer");
  EXPECT_EQ(list.head.made_us, kStartUs);
  EXPECT_EQ(list.head.id, "key 1");
  EXPECT_EQ(list.list, "watched");
  EXPECT_EQ(list.puts, change.puts);
  EXPECT_EQ(list.removals, change.removals);
  EXPECT_EQ(ContentOf(*read), ContentOf(change));
  EXPECT_EQ(AsText(encoded.core).find("张三"), std::string_view::npos);
  for (size_t cut = 0; cut < encoded.payload.size(); ++cut) {
    Record shorter = record;
    shorter.payload = record.payload.first(cut);
    EXPECT_EQ(DecodeChange(shorter).error().code(), ErrorCode::kParse) << cut;
  }
  EXPECT_EQ(DecodeChange(encoded.As(RecordType::kEvent)).error().code(), ErrorCode::kParse);
}

TEST(Records, EventGoesBothWays) {
  const Event event = Payment("p1", kStartUs, "甲", "", -5);
  EventCore core;
  core.publish_seq = 300;
  core.key_hash = KeyHash(SmallPack()->event_schema()[0], event.columns[0]);
  core.ts_us = kStartUs;
  core.flags = kLate;
  EncodedRecord encoded;
  EncodeEvent(core, SmallPack()->event_schema(), event.columns, encoded);
  const Record record = encoded.As(RecordType::kEvent);
  Result<EventCore> read = DecodeEventCore(record);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->publish_seq, 300u);
  EXPECT_EQ(read->key_hash, core.key_hash);
  EXPECT_EQ(read->ts_us, kStartUs);
  EXPECT_EQ(read->received_us, -1);
  EXPECT_EQ(read->flags, kLate);
  Result<table::Row> row = DecodeEventRow(SmallPack()->event_schema(), record);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ((*row)[2].text(), "甲");
  EXPECT_TRUE((*row)[3].is_null());
  EXPECT_EQ(static_cast<int64_t>((*row)[4].i), -5);
  EXPECT_EQ(AsText(encoded.core).find("p1"), std::string_view::npos)
      << "the core holds nothing of the row in the clear";
}

TEST(Records, DecisionGoesBothWays) {
  Core core(SmallPack());
  uint64_t seq = 1;
  for (const Event& event : RandomPayments(8, 200)) {
    const Decision decision = core.Decide(event, seq);
    EncodedRecord encoded;
    EncodeDecision(0, SmallPack()->feature_schema(), decision, encoded);
    const Record record = encoded.As(RecordType::kDecision);
    EXPECT_EQ(*DecodeDecisionPublish(record), 0u);
    Result<Decision> read =
        DecodeDecision(SmallPack()->feature_schema(), 3, record, decision.seq());
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    EXPECT_EQ(read->event_seq, seq);
    EXPECT_EQ(read->action, decision.action);
    EXPECT_EQ(read->flags, decision.flags);
    EXPECT_EQ(read->hits, decision.hits);
    EncodedRecord again;
    EncodeDecision(0, SmallPack()->feature_schema(), *read, again);
    EXPECT_EQ(again.core, encoded.core);
    seq += 2;
  }
}

TEST(Records, DecisionRefusesWhatContradictsItself) {
  const table::Schema features = SmallPack()->feature_schema();
  Decision decision;
  decision.features = table::Row(features.size());
  auto read = [&](const Decision& d) {
    EncodedRecord encoded;
    EncodeDecision(0, features, d, encoded);
    return DecodeDecision(features, 3, encoded.As(RecordType::kDecision), 2).has_value();
  };
  EXPECT_TRUE(read(decision));
  Decision bad = decision;
  bad.hits = {0, 1, 2};
  EXPECT_TRUE(read(bad));
  bad.hits = {1, 1};
  EXPECT_FALSE(read(bad));
  bad.hits = {2, 1};
  EXPECT_FALSE(read(bad));
  bad.hits = {3};
  EXPECT_FALSE(read(bad));
  bad.hits = {};
  bad.flags = kAllFlags + 1;
  EXPECT_FALSE(read(bad));
  bad.flags = kEvaluationError;
  EXPECT_FALSE(read(bad)) << "an error that says nothing";
  bad.error = "f: overflow";
  EXPECT_TRUE(read(bad));
  bad.flags = 0;
  EXPECT_FALSE(read(bad)) << "a word of no error";
  bad = decision;
  bad.action = static_cast<Action>(7);
  EXPECT_FALSE(read(bad));
}

TEST(Records, DefaultGoesBothWays) {
  DefaultRecord record;
  record.publish_seq = 5;
  record.key_hash[3] = 9;
  record.answered_us = kStartUs;
  record.action = Action::kHold;
  record.why = "shed";
  EncodedRecord encoded;
  EncodeDefault(record, encoded);
  Result<DefaultRecord> read = DecodeDefault(encoded.As(RecordType::kDefault));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->publish_seq, 5u);
  EXPECT_EQ(read->key_hash, record.key_hash);
  EXPECT_EQ(read->answered_us, kStartUs);
  EXPECT_EQ(read->action, Action::kHold);
  EXPECT_EQ(read->why, "shed");
}

TEST(Records, EveryPrefixAndLongerFormIsRefused) {
  const Event event = Payment("p1", kStartUs, "a", "b", 5);
  EncodedRecord encoded;
  EncodeEvent({}, SmallPack()->event_schema(), event.columns, encoded);
  auto check = [](EncodedRecord whole, auto decodes) {
    ASSERT_TRUE(decodes(whole));
    for (size_t size = 0; size < whole.core.size(); ++size) {
      EncodedRecord cut = whole;
      cut.core.resize(size);
      EXPECT_FALSE(decodes(cut)) << size;
    }
    whole.core.push_back(0);
    EXPECT_FALSE(decodes(whole));
  };
  check(encoded, [](const EncodedRecord& e) {
    return DecodeEventCore(e.As(RecordType::kEvent)).has_value();
  });
  encoded.Clear();
  EncodePublish(PublishOf(*SmallPack()), encoded);
  check(encoded, [](const EncodedRecord& e) {
    return DecodePublish(e.As(RecordType::kPublish)).has_value();
  });
  encoded.Clear();
  EncodeDefault({.why = "shed"}, encoded);
  check(encoded, [](const EncodedRecord& e) {
    return DecodeDefault(e.As(RecordType::kDefault)).has_value();
  });
  encoded.Clear();
  EncodeDecision(1, SmallPack()->feature_schema(), Core(SmallPack()).Decide(event, 1), encoded);
  check(encoded, [](const EncodedRecord& e) {
    return DecodeDecision(SmallPack()->feature_schema(), 3, e.As(RecordType::kDecision), 2)
        .has_value();
  });
}

TEST(Records, OfAnotherTypeOrVersionAreRefused) {
  EncodedRecord encoded;
  EncodeDefault({.why = "shed"}, encoded);
  EXPECT_FALSE(DecodeDefault(encoded.As(RecordType::kEvent)).has_value());
  Record record = encoded.As(RecordType::kDefault);
  record.version = 2;
  EXPECT_EQ(DecodeDefault(record).error().code(), ErrorCode::kUnsupported);
}

TEST(AdaptRow, TakesColumnsByNameAndRefusesOtherTypes) {
  const table::Schema from = {{"a", {table::TypeId::kBigInt}, false},
                              {"b", {table::TypeId::kVarchar}, true}};
  table::Row row(2);
  row.Set(0, table::Datum::Int(7));
  table::Schema to = {{"c", {table::TypeId::kDouble}, true},
                      {"a", {table::TypeId::kBigInt}, false}};
  Result<table::Row> adapted = AdaptRow(from, row, to);
  ASSERT_TRUE(adapted.has_value());
  EXPECT_TRUE((*adapted)[0].is_null());
  EXPECT_EQ(static_cast<int64_t>((*adapted)[1].i), 7);

  to[0].nullable = false;
  EXPECT_EQ(AdaptRow(from, row, to).error().code(), ErrorCode::kConflict);
  to = {{"a", {table::TypeId::kInteger}, true}};
  EXPECT_EQ(AdaptRow(from, row, to).error().code(), ErrorCode::kConflict);
  to = {{"b", {table::TypeId::kVarchar}, false}};
  EXPECT_EQ(AdaptRow(from, row, to).error().code(), ErrorCode::kConflict) << "it is NULL there";
}

}  // namespace
}  // namespace fuqi::decide
