#pragma once

// Everything about one decision, for a person or as evidence: the event, the features that it was
// judged by, the rules that hit and what they read, and the proof that the record is in the log.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decide/change.h"
#include "decide/compiled_pack.h"
#include "decide/decision.h"
#include "decide/screening.h"
#include "ledger/log.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"
#include "sql/lineage.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::decide {

struct Explanation {
  struct Value {
    std::string name;
    std::string value;  // as SQL prints it; "NULL"
  };
  struct EventValue : Value {
    std::string class_path;
  };
  struct FeatureValue : Value {
    Bilingual title;                                 // may be empty
    std::string sql;                                 // as the pack has it
    std::vector<std::string> windows;                // that it looks through, as SQL
    std::vector<sql::ColumnLineage::Input> lineage;  // down to columns of the event table
  };
  struct Hit {
    std::string rule;
    Action then = Action::kReview;
    bool shadow = false;
    Bilingual reason;
    std::string clause;        // may be empty
    std::string when;          // the condition as the pack has it
    std::vector<Value> reads;  // columns and features in it, and their values here
    // Of a score's band: what added up to the score, where it was not 0.
    struct Points {
      std::string id;
      int64_t add = 0;
      Bilingual reason;
    };
    std::vector<Points> points;
  };

  // An entry of a list that something looked up.
  struct Met {
    std::string lookup;  // "in_list('watched', payee, ts)"
    std::string list;
    EntryRef ref;
    ListEntry entry;
    std::string by;        // who put it; empty where it is of the pack's own file
    int64_t made_us = -1;  // when, by the node's clock
    // Where the entry was met by screening a name: the name, the score of 100, and which words met
    // which, worked out again from the record. Without `hit` where another version of screening
    // decided.
    struct ScreenedName {
      std::string name;
      int percent = 0;
      std::optional<ScreeningHit> hit;
    };
    std::optional<ScreenedName> screened;
  };

  // What bound the event (standing.h), or was looked up, and where it came from.
  struct Standing {
    std::string lookup;  // "standing('account', 'hold', payer, ts)"; empty where it bound the event
    std::string kind;
    std::string column;  // that named the subject; empty where it was looked up
    std::string subject;
    Action action = Action::kFreeze;
    Bilingual reason;         // the kind's
    uint64_t record = 0;      // of its StandingChange
    std::string decision_id;  // that set it; empty: a person did
    std::string by;           // who
    std::string rule;         // that asked for it
    Bilingual set_for;        // why
    int64_t until_us = kForEver;
    std::string allowed;  // the amount of its allowance; empty: it has none
    std::string remains;  // of it, before the event; empty where nobody can say
    int64_t per_us = 0;   // in each period of this length; 0: over all time
  };

  std::string decision_id;
  uint64_t event_seq = 0;
  uint64_t decision_seq = 0;
  uint64_t publish_seq = 0;  // of the pack version that decided
  std::string pack;
  Digest pack_hash{};
  std::string semantics;
  Action action = Action::kApprove;
  std::vector<std::string> flags;
  std::string error;  // what could not be evaluated; may be empty
  int64_t received_us = -1;
  std::vector<EventValue> event;
  std::vector<FeatureValue> features;
  std::vector<Hit> hits;
  std::vector<Met> met;
  std::vector<Standing> standing;
  ledger::RecordProof decision_proof;
  ledger::RecordProof event_proof;
};

// The pack version that decided, compiled anew from its Publish record. kNotFound: `decision_seq`
// is no decision.
Result<std::shared_ptr<const CompiledPack>> PackOfDecision(const ledger::Log& log,
                                                           table::Binder& binder,
                                                           uint64_t decision_seq);

// `pack`: of PackOfDecision, or the same version otherwise compiled (kInvalidArgument if it is
// not).
Result<Explanation> Explain(const ledger::Log& log, const ledger::Tree& tree,
                            const CompiledPack& pack, uint64_t decision_seq);

}  // namespace fuqi::decide
