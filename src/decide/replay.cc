#include "decide/replay.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <numeric>
#include <set>

#include "crypto/sha256.h"
#include "decide/feed.h"
#include "decide/records.h"

namespace fuqi::decide {
namespace {

using Steady = std::chrono::steady_clock;

// Counts durations in buckets 1/32 wide of their size: percentiles of any number of events in
// constant memory, within 3 %.
class Durations {
 public:
  void Add(uint64_t ns) { ++counts_[BucketOf(ns)]; }

  double PercentileUs(double fraction) const {
    uint64_t total = 0;
    for (uint64_t count : counts_) {
      total += count;
    }
    const auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(total));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > wanted) {
        return static_cast<double>(LowestOf(bucket)) / 1000;
      }
    }
    return 0;
  }

 private:
  static constexpr int kSteps = 32;

  static size_t BucketOf(uint64_t ns) {
    if (ns < kSteps) {
      return ns;
    }
    const int octave = static_cast<int>(std::bit_width(ns)) - 6;  // ns >> octave lies in [32, 64)
    return static_cast<size_t>(octave) * kSteps + (ns >> octave);
  }
  static uint64_t LowestOf(size_t bucket) {
    if (bucket < 2 * kSteps) {
      return bucket;
    }
    const size_t octave = bucket / kSteps - 1;
    return (bucket - octave * kSteps) << octave;
  }

  std::array<uint64_t, 60 * kSteps> counts_{};
};

// What the labels say of the decisions.
class Scoring {
 public:
  Scoring(const Labels& labels, const CompiledPack& pack)
      : pack_(pack), lookup_(labels, pack), rules_(pack.pack().rules.size()) {}

  void Add(const Event& event, const Decision& decision) {
    const LabelLookup::Known& known = lookup_.Look(event);
    entities_.resize(lookup_.entities().size());
    events_bad_ += known.bad.value_or(false);
    for (uint32_t rule : decision.hits) {
      if (known.bad) {
        rules_[rule].Count(*known.bad, true);
      }
      const Rule& hit = pack_.pack().rules[rule];
      for (size_t entity : known.entities) {
        entities_[entity].weight += hit.shadow ? 0 : 1 + static_cast<uint64_t>(hit.then);
        entities_[entity].rules.insert(rule);
      }
    }
  }

  void Finish(ReplaySummary& summary) {
    lookup_.LookAtAll();
    const std::vector<LabelLookup::Entity>& known = lookup_.entities();
    entities_.resize(known.size());
    Detection all;
    for (size_t i = 0; i < known.size(); ++i) {
      all.bad += known[i].bad;
      for (uint32_t rule : entities_[i].rules) {
        summary.rules[rule].entities.Count(known[i].bad, true);
      }
    }
    for (size_t rule = 0; rule < rules_.size(); ++rule) {
      summary.rules[rule].events = rules_[rule];
      summary.rules[rule].events.bad = events_bad_;
      summary.rules[rule].entities.bad = all.bad;
    }
    std::vector<size_t> ranked(known.size());
    std::iota(ranked.begin(), ranked.end(), 0);
    std::ranges::sort(ranked, [&](size_t a, size_t b) {
      return entities_[a].weight != entities_[b].weight ? entities_[a].weight > entities_[b].weight
                                                        : known[a].name < known[b].name;
    });
    ReplaySummary::Ranking ranking;
    ranking.known = ranked.size();
    ranking.first_percent.bad = all.bad;
    for (size_t i = 0; i < (ranked.size() + 99) / 100 && entities_[ranked[i]].weight > 0; ++i) {
      ++ranking.first_percent.alerted;
      ranking.first_percent.bad_alerted += known[ranked[i]].bad;
    }
    summary.ranking = ranking;
  }

 private:
  struct Entity {
    uint64_t weight = 0;
    std::set<uint32_t> rules;
  };

  const CompiledPack& pack_;
  LabelLookup lookup_;
  std::vector<Detection> rules_;
  uint64_t events_bad_ = 0;
  std::vector<Entity> entities_;  // as the lookup numbers them
};

Result<Decision> DecideThrough(Partition& partition, const CompiledPack& pack, const Event& event) {
  Result<Outcome> outcome = partition.Decide(event);
  if (!outcome && outcome.error().code() == ErrorCode::kResourceExhausted) {
    FUQI_RETURN_IF_ERROR(partition.Commit(partition.TakeBatch()));
    outcome = partition.Decide(event);
  }
  FUQI_RETURN_IF_ERROR(outcome);
  if (outcome->repeated) {
    FUQI_ASSIGN_OR_RETURN(auto publish, partition.PublishedAt(outcome->decision.seq()));
    if (publish->hash != pack.pack().hash) {
      return Err(ErrorCode::kConflict,
                 "the log holds this event as decided by another version of the pack, {}",
                 ToHex(publish->hash));
    }
  }
  return std::move(outcome->decision);
}

void Count(const Decision& decision, ReplaySummary& summary) {
  ++summary.events;
  summary.alerts += decision.action != Action::kApprove;
  summary.late += (decision.flags & kLate) != 0;
  summary.future += (decision.flags & kFuture) != 0;
  summary.failed += (decision.flags & kEvaluationError) != 0;
  for (uint32_t rule : decision.hits) {
    ++summary.rules[rule].hits;
  }
}

// The events of one replay, added one by one.
class Run {
 public:
  Run(const std::shared_ptr<const CompiledPack>& pack, const ReplayOptions& options)
      : pack_(*pack), options_(options), core_(pack) {
    for (const Rule& rule : pack_.pack().rules) {
      summary_.rules.push_back({.id = rule.id, .shadow = rule.shadow});
    }
    if (options.labels != nullptr) {
      scoring_.emplace(*options.labels, pack_);
    }
  }

  Result<void> Add(const Event& event) {
    const Digest key_hash =
        KeyHash(pack_.event_schema()[pack_.key_column()], event.columns[pack_.key_column()]);
    FUQI_ASSIGN_OR_RETURN(Decision decision, Decide(event));
    Count(decision, summary_);
    if (scoring_) {
      scoring_->Add(event, decision);
    }
    AddToDigest(key_hash, decision);
    if (summary_.events % options_.events_per_commit == 0) {
      FUQI_RETURN_IF_ERROR(Commit());
    }
    if (options_.progress && summary_.events % 4096 == 0) {
      options_.progress(summary_.events);
    }
    return {};
  }

  Result<ReplaySummary> Finish(uint64_t repeated) {
    summary_.repeated = repeated;
    FUQI_RETURN_IF_ERROR(Commit());
    summary_.elapsed_s = std::chrono::duration<double>(Steady::now() - begin_).count();
    summary_.decisions_per_s = static_cast<double>(summary_.events) / summary_.elapsed_s;
    summary_.p50_us = durations_.PercentileUs(0.5);
    summary_.p99_us = durations_.PercentileUs(0.99);
    summary_.digest = digest_.Finish();
    if (scoring_) {
      scoring_->Finish(summary_);
    }
    return std::move(summary_);
  }

 private:
  Result<Decision> Decide(const Event& event) {
    const Steady::time_point before = Steady::now();
    Decision decision;
    if (options_.partition != nullptr) {
      FUQI_ASSIGN_OR_RETURN(decision, DecideThrough(*options_.partition, pack_, event));
    } else {
      decision = core_.DecideAndApply(event, 1 + 2 * summary_.events);
    }
    durations_.Add(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - before).count()));
    return decision;
  }

  void AddToDigest(const Digest& key_hash, const Decision& decision) {
    body_.clear();
    EncodeDecisionBody(pack_.feature_schema(), decision, body_);
    size_.clear();
    ByteWriter(size_).Varint(body_.size());
    digest_.Update(key_hash);
    digest_.Update(size_);
    digest_.Update(body_);
  }

  Result<void> Commit() {
    return options_.partition == nullptr
               ? Result<void>()
               : options_.partition->Commit(options_.partition->TakeBatch());
  }

  const CompiledPack& pack_;
  const ReplayOptions& options_;
  Core core_;  // decides where there is no partition
  ReplaySummary summary_;
  std::optional<Scoring> scoring_;
  Durations durations_;
  crypto::Sha256Stream digest_;
  Bytes body_;
  Bytes size_;
  const Steady::time_point begin_ = Steady::now();
};

}  // namespace

Result<ReplaySummary> Replay(SourceReader& reader, const std::shared_ptr<const CompiledPack>& pack,
                             const ReplayOptions& options) {
  Run run(pack, options);
  FUQI_ASSIGN_OR_RETURN(uint64_t repeated, FeedSource(reader, *pack, [&](const Event& event) {
                          return run.Add(event);
                        }));
  return run.Finish(repeated);
}

}  // namespace fuqi::decide
