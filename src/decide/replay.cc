#include "decide/replay.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstring>
#include <set>
#include <unordered_map>

#include "crypto/sha256.h"
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
      : labels_(labels), pack_(pack), rules_(pack.pack().rules.size()) {}

  void Add(const Event& event, const Decision& decision) {
    std::optional<bool> event_bad;
    entities_here_.clear();
    for (int column : labels_.columns) {
      if (event.columns[column].is_null()) {
        continue;
      }
      Entity* entity =
          Find(table::ToText(event.columns[column], pack_.event_schema()[column].type));
      if (entity == nullptr) {
        continue;
      }
      event_bad = event_bad.value_or(false) || entity->bad;
      if (std::ranges::find(entities_here_, entity) == entities_here_.end()) {
        entities_here_.push_back(entity);
      }
    }
    events_bad_ += event_bad.value_or(false);
    for (uint32_t rule : decision.hits) {
      if (event_bad) {
        ++rules_[rule].alerted;
        rules_[rule].bad_alerted += *event_bad;
      }
      const Rule& hit = pack_.pack().rules[rule];
      for (Entity* entity : entities_here_) {
        entity->weight += hit.shadow ? 0 : 1 + static_cast<uint64_t>(hit.then);
        entity->rules.insert(rule);
      }
    }
  }

  void Finish(ReplaySummary& summary) {
    // Entities that the labels list and no event shows are known all the same.
    for (const auto& [name, bad] : labels_.bad) {
      Find(name);
    }
    Detection all;
    std::vector<std::pair<const std::string*, const Entity*>> ranked;
    for (const auto& [name, entity] : entities_) {
      all.bad += entity.bad;
      for (uint32_t rule : entity.rules) {
        ++summary.rules[rule].entities.alerted;
        summary.rules[rule].entities.bad_alerted += entity.bad;
      }
      ranked.emplace_back(&name, &entity);
    }
    for (size_t rule = 0; rule < rules_.size(); ++rule) {
      summary.rules[rule].events = rules_[rule];
      summary.rules[rule].events.bad = events_bad_;
      summary.rules[rule].entities.bad = all.bad;
    }
    std::ranges::sort(ranked, [](const auto& a, const auto& b) {
      return a.second->weight != b.second->weight ? a.second->weight > b.second->weight
                                                  : *a.first < *b.first;
    });
    ReplaySummary::Ranking ranking;
    ranking.known = ranked.size();
    ranking.first_percent.bad = all.bad;
    for (size_t i = 0; i < (ranked.size() + 99) / 100 && ranked[i].second->weight > 0; ++i) {
      ++ranking.first_percent.alerted;
      ranking.first_percent.bad_alerted += ranked[i].second->bad;
    }
    summary.ranking = ranking;
  }

 private:
  struct Entity {
    bool bad = false;
    uint64_t weight = 0;
    std::set<uint32_t> rules;
  };

  // nullptr if nothing is known of it.
  Entity* Find(const std::string& name) {
    if (auto found = entities_.find(name); found != entities_.end()) {
      return &found->second;
    }
    const std::optional<bool> bad = labels_.Find(name);
    return bad ? &entities_.emplace(name, Entity{.bad = *bad}).first->second : nullptr;
  }

  const Labels& labels_;
  const CompiledPack& pack_;
  std::vector<Detection> rules_;
  uint64_t events_bad_ = 0;
  std::unordered_map<std::string, Entity> entities_;  // of which something is known
  std::vector<Entity*> entities_here_;
};

// Tells events of one run apart: half of each SHA-256 is enough for that.
class Seen {
 public:
  // True if the event is new to this run; kConflict if its key came before with another content.
  Result<bool> Add(const CompiledPack& pack, const Event& event, const Digest& key_hash) {
    bytes_.clear();
    table::EncodeRow(pack.event_schema(), event.columns.values(), bytes_);
    const uint128 content = Half(crypto::Sha256(bytes_));
    auto [found, fresh] = contents_.try_emplace(Half(key_hash), content);
    if (!fresh && found->second != content) {
      return Err(ErrorCode::kConflict,
                 "an event of this '{}' was decided before, with another content", pack.pack().key);
    }
    return fresh;
  }

 private:
  static uint128 Half(const Digest& digest) {
    uint128 half;
    std::memcpy(&half, digest.data(), sizeof(half));
    return half;
  }
  struct Low {
    using is_avalanching = void;
    size_t operator()(uint128 value) const { return static_cast<size_t>(value); }
  };
  boost::unordered_flat_map<uint128, uint128, Low> contents_;
  Bytes bytes_;
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
    FUQI_ASSIGN_OR_RETURN(bool fresh, seen_.Add(pack_, event, key_hash));
    if (!fresh) {
      ++summary_.repeated;
      return {};
    }
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

  Result<ReplaySummary> Finish() {
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
      decision = core_.Decide(event, 1 + 2 * summary_.events);
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
  Seen seen_;
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
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(std::optional<Event> event, reader.Next());
    if (!event) {
      return run.Finish();
    }
    FUQI_RETURN_IF_ERROR(run.Add(*event).At(reader.where()));
  }
}

}  // namespace fuqi::decide
