// The decision core under the load of workload.h, one thread. Prints a line to read and one of
// JSON.
//
//   all --log DIR       the whole pack: windows, graph, rules; the log written, not synced
//   fill --log DIR      writes such a log, a snapshot in it and --events more behind that, and
//                       takes its files out of the page cache
//   recover --log DIR   opening what `fill` wrote, with the pack compiled, as at a node's start
//   pack                windows and rules, without a log: what DuckDB's batch is run on
//   windows             its window features alone, without a log: what Esper is run on
//   rules               its rules alone, over feature rows kept before: what ZEN is run on
//   graph               four patterns of a graph, no pack: what IBM's preprocessor is run on
//   export DIR          what the peers read: payments.csv, rules.json, rows.jsonl
//
// A decision's time includes the write of its batch where that falls due.

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/disk.h"
#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/graph.h"
#include "decide/partition.h"
#include "table/binder.h"
#include "workload.h"

namespace fuqi::bench {
namespace {

using decide::Core;
using decide::Decision;
using decide::Event;
using nlohmann::json;
using table::Datum;

struct Options {
  Population population;
  uint64_t events = 1'000'000;
  uint64_t rows = 20'000;
  uint64_t commit = 256;
  WorkloadShape shape;
  std::string dir;
};

// Payments that fill the windows of a day before anything is timed.
uint64_t WarmUp(const Options& options) {
  return options.population.accounts * static_cast<uint64_t>(options.population.per_day + 1);
}

[[noreturn]] void Fail(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.ToString());
  std::exit(error.exit_code());
}
void Check(const Result<void>& done) {
  if (!done) {
    Fail(done.error());
  }
}
template <typename T>
T OrFail(Result<T> result) {
  if (!result) {
    Fail(result.error());
  }
  return std::move(*result);
}

Event EventOf(const Payment& payment) {
  Event event;
  event.columns.Append(Datum::Int(payment.id));
  event.columns.Append(Datum::Int(payment.ts_us));
  event.columns.Append(Datum::Text(AccountName(payment.payer)));
  event.columns.Append(Datum::Text(AccountName(payment.payee)));
  event.columns.Append(Datum::Text(DeviceName(payment.device)));
  event.columns.Append(Datum::Int(payment.amount_cents));
  return event;
}

constexpr uint64_t kSeed = 1;

std::shared_ptr<const decide::CompiledPack> CompilePack(const WorkloadShape& shape,
                                                        const std::vector<Conditions>& rules) {
  const auto binder = OrFail(table::Binder::Open());
  return OrFail(decide::CompiledPack::Compile(
      OrFail(decide::ParsePack({{"pack.toml", MakePack(shape, rules)}})), *binder));
}

// Times single steps, and all of them together.
class Timed {
 public:
  explicit Timed(uint64_t steps) { took_ns_.reserve(steps); }
  template <typename Step>
  void Run(const Step& step) {
    const int64_t begin = SystemClock().MonotonicNs();
    step();
    took_ns_.push_back(SystemClock().MonotonicNs() - begin);
  }
  void Print(json line) {
    const size_t steps = took_ns_.size();
    int64_t sum = 0;
    for (const int64_t took : took_ns_) {
      sum += took;
    }
    std::ranges::sort(took_ns_);
    const auto quantile = [&](double share) {
      return static_cast<double>(
                 took_ns_[static_cast<size_t>(share * static_cast<double>(steps - 1))]) /
             1000;
    };
    line["steps"] = steps;
    line["per_s"] = static_cast<double>(steps) * 1e9 / static_cast<double>(sum);
    line["p50_us"] = quantile(0.5);
    line["p99_us"] = quantile(0.99);
    line["p999_us"] = quantile(0.999);
    line["max_us"] = quantile(1);
    fmt::print(
        "{:<18} {:.0f}/s   p50 {:.1f} µs   p99 {:.1f} µs   p99.9 {:.1f} µs   max {:.0f} µs\n",
        line["name"].get<std::string>(), line["per_s"].get<double>(), quantile(0.5), quantile(0.99),
        quantile(0.999), quantile(1));
    fmt::print("{}\n", line.dump());
  }

 private:
  std::vector<int64_t> took_ns_;
};

// Payments in batches, so that making them is no part of what is timed.
template <typename Take>
void ForEachEvent(Payments& payments, uint64_t events, const Take& take) {
  std::vector<Event> batch;
  for (uint64_t done = 0; done < events; done += batch.size()) {
    batch.clear();
    for (uint64_t i = done; i < std::min(events, done + 4096); ++i) {
      batch.push_back(EventOf(payments.Next()));
    }
    for (const Event& event : batch) {
      take(event);
    }
  }
}

std::vector<std::string> FilesIn(const std::string& dir) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) {
      paths.push_back(entry.path());
    }
  }
  return paths;
}

// A file that is open for reading.
class Opened {
 public:
  explicit Opened(const std::string& path) : path_(path), fd_(open(path.c_str(), O_RDONLY)) {
    Need(fd_ >= 0);
  }
  ~Opened() { close(fd_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int fd() const { return fd_; }
  void Need(bool done) const {
    if (!done) {
      Fail(Err(ErrorCode::kIo, "{}: {}", path_, std::generic_category().message(errno)));
    }
  }

 private:
  const std::string path_;
  const int fd_;
};

// Takes a file out of the page cache; only what is on the disk can be.
void Evict(const std::string& path) {
  const Opened file(path);
  file.Need(fdatasync(file.fd()) == 0);
  errno = posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
  file.Need(errno == 0);
}

uint64_t CachedBytes(const std::string& path) {
  const uint64_t size = std::filesystem::file_size(path);
  if (size == 0) {
    return 0;
  }
  const Opened file(path);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  file.Need(mapped != MAP_FAILED);
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((size + page - 1) / page);
  file.Need(mincore(mapped, size, resident.data()) == 0);
  munmap(mapped, size);
  return page * static_cast<uint64_t>(
                    std::ranges::count_if(resident, [](unsigned char it) { return it % 2 == 1; }));
}

// The workload's pack on a log that is written and not synced.
class Deciding {
 public:
  explicit Deciding(const Options& options) : options_(options) {
    decide::PartitionOptions partition_options;
    partition_options.log.sync = false;
    partition_options.snapshot_every = 0;
    partition_ = OrFail(decide::Partition::Open(
        SystemDisk(), SystemClock(), options.dir,
        CompilePack(options.shape, MakeRules(options.shape.rules, kSeed)), partition_options));
  }
  decide::Outcome Decide(const Event& event) {
    decide::Outcome outcome = OrFail(partition_->Decide(event));
    if (++decided_ % options_.commit == 0) {
      Commit();
    }
    return outcome;
  }
  void Commit() { Check(partition_->Commit(partition_->TakeBatch())); }

  decide::Partition& partition() { return *partition_; }

 private:
  const Options& options_;
  std::unique_ptr<decide::Partition> partition_;
  uint64_t decided_ = 0;
};

void RunAll(const Options& options) {
  Deciding deciding(options);
  Payments payments(options.population, kSeed);
  ForEachEvent(payments, WarmUp(options), [&](const Event& event) { deciding.Decide(event); });
  const Core& core = deciding.partition().core();
  const uint64_t steps = core.window_steps();
  uint64_t hits = 0;
  uint64_t truncated = 0;
  Timed timed(options.events);
  ForEachEvent(payments, options.events, [&](const Event& event) {
    timed.Run([&] {
      const decide::Outcome outcome = deciding.Decide(event);
      hits += outcome.decision.hits.size();
      truncated += (outcome.decision.flags & decide::kTruncated) != 0 ? 1 : 0;
    });
  });
  const auto events = static_cast<double>(options.events);
  timed.Print(
      {{"name", "decide"},
       {"accounts", options.population.accounts},
       {"rules", options.shape.rules},
       {"features", core.pack().feature_schema().size()},
       {"longest_days", options.shape.longest_days},
       {"hits_per_event", static_cast<double>(hits) / events},
       {"truncated_share", static_cast<double>(truncated) / events},
       {"window_steps_per_event", static_cast<double>(core.window_steps() - steps) / events},
       {"state_bytes", core.state_bytes()}});
}

// What recovery reads: a snapshot, and a log that goes on behind it.
void RunFill(const Options& options) {
  {
    Deciding deciding(options);
    Payments payments(options.population, kSeed);
    const auto decide = [&](const Event& event) { deciding.Decide(event); };
    ForEachEvent(payments, WarmUp(options), decide);
    deciding.Commit();
    Check(deciding.partition().Snapshot());
    ForEachEvent(payments, options.events, decide);
    deciding.Commit();
  }
  for (const std::string& path : FilesIn(options.dir)) {
    Evict(path);
  }
}

// What a node does between its start and its first decision, its state on disk as a snapshot and
// the log behind it. Says how much of the files the page cache held all the same.
void RunRecover(const Options& options) {
  uint64_t snapshot_bytes = 0;
  uint64_t log_bytes = 0;
  uint64_t cached_bytes = 0;
  for (const std::string& path : FilesIn(options.dir)) {
    const bool in_snapshot = path.find("/snapshots/") != std::string::npos;
    (in_snapshot ? snapshot_bytes : log_bytes) += std::filesystem::file_size(path);
    cached_bytes += CachedBytes(path);
  }
  const int64_t begin = SystemClock().MonotonicNs();
  Deciding deciding(options);
  const double seconds = static_cast<double>(SystemClock().MonotonicNs() - begin) / 1e9;
  const decide::Recovery& recovery = deciding.partition().recovery();
  FUQI_CHECK(recovery.snapshot_seq > 0 && recovery.folded_events == options.events);
  fmt::print(
      "{:<18} {:.1f} s for a snapshot of {} MB and a log of {} MB, {} events behind the snapshot; "
      "{} MB of both were in the page cache\n",
      "recover", seconds, snapshot_bytes >> 20, log_bytes >> 20, options.events,
      cached_bytes >> 20);
  fmt::print("{}\n", json{{"name", "recover"},
                          {"accounts", options.population.accounts},
                          {"events", options.events},
                          {"snapshot_bytes", snapshot_bytes},
                          {"log_bytes", log_bytes},
                          {"cached_bytes", cached_bytes},
                          {"state_bytes", deciding.partition().core().state_bytes()},
                          {"seconds", seconds}}
                         .dump());
}

void RunPack(Options options) {
  options.shape.graph = false;
  const auto pack = CompilePack(options.shape, MakeRules(options.shape.rules, kSeed));
  Core core(pack);
  Payments payments(options.population, kSeed);
  uint64_t seq = 1;
  uint64_t hits = 0;
  const uint64_t events = WarmUp(options) + options.events;
  Timed timed(events);
  ForEachEvent(payments, events, [&](const Event& event) {
    timed.Run([&] { hits += core.Decide(event, seq).hits.size(); });
    seq += 2;
  });
  timed.Print({{"name", "pack"},
               {"accounts", options.population.accounts},
               {"rules", options.shape.rules},
               {"features", pack->feature_schema().size()},
               {"hits", hits}});
}

// The sum of all counts is printed, for a peer's to be held against.
void RunWindows(Options options) {
  options.shape.graph = false;
  const auto pack = CompilePack(options.shape, {{{"amount", "<", 0}}});  // a pack has a rule
  std::vector<size_t> counts;
  for (size_t i = 0; i < pack->feature_schema().size(); ++i) {
    const std::string& name = pack->feature_schema()[i].name;
    if (name.find("_count_") != std::string::npos || name.find("s_") != std::string::npos) {
      counts.push_back(i);  // payer_count_day, payer_payees_day
    }
  }
  Core core(pack);
  Payments payments(options.population, kSeed);
  uint64_t seq = 1;
  int128 sum = 0;
  const auto decide = [&](const Event& event) {
    const Decision decision = core.Decide(event, seq);
    seq += 2;
    for (const size_t i : counts) {
      sum += decision.features[i].i;
    }
  };
  ForEachEvent(payments, WarmUp(options), decide);
  sum = 0;
  Timed timed(options.events);
  ForEachEvent(payments, options.events,
               [&](const Event& event) { timed.Run([&] { decide(event); }); });
  timed.Print({{"name", "windows"},
               {"accounts", options.population.accounts},
               {"features", pack->feature_schema().size()},
               {"checksum", static_cast<double>(sum)}});
}

struct KeptRow {
  Event event;
  Decision decision;
};
std::vector<KeptRow> KeepRows(const Options& options,
                              const std::shared_ptr<const decide::CompiledPack>& pack) {
  Core core(pack);
  Payments payments(options.population, kSeed);
  uint64_t seq = 1;
  const auto fold = [&](const Event& event) {
    core.Fold(event, seq);
    seq += 2;
  };
  ForEachEvent(payments, WarmUp(options), fold);
  std::vector<KeptRow> rows;
  ForEachEvent(payments, options.rows, [&](const Event& event) {
    rows.push_back({event, core.Decide(event, seq)});
    seq += 2;
  });
  return rows;
}

void RunRules(Options options) {
  options.shape.graph = false;
  const auto pack = CompilePack(options.shape, MakeRules(options.shape.rules, kSeed));
  std::vector<KeptRow> rows = KeepRows(options, pack);
  const Core core(pack);
  Timed timed(options.events);
  uint64_t hits = 0;
  for (uint64_t i = 0; i < options.events; ++i) {
    KeptRow& row = rows[i % rows.size()];
    timed.Run([&] { core.DecideFromFeatures(row.event, row.decision); });
    hits += row.decision.hits.size();
  }
  timed.Print(
      {{"name", "rules"},
       {"rules", options.shape.rules},
       {"rows", rows.size()},
       {"hits_per_event", static_cast<double>(hits) / static_cast<double>(options.events)}});
}

void RunGraph(const Options& options) {
  using decide::Measure;
  decide::GraphState graph({.window_us = int64_t{86'400'000'000},
                            .degree_max = 200,
                            .steps_max = 2000,
                            .measures = {{.measure = Measure::kFanIn, .of_to = true},
                                         {.measure = Measure::kFanOut},
                                         {.measure = Measure::kScatterGather, .of_to = true},
                                         {.measure = Measure::kCycles, .length = 6}}});
  Payments payments(options.population, kSeed);
  std::vector<Datum> values;
  std::vector<double> sums(4);
  uint64_t truncated = 0;
  Timed timed(options.events);
  for (uint64_t i = 0; i < WarmUp(options) + options.events; ++i) {
    const Payment payment = payments.Next();
    decide::GraphEvent event;
    event.ts_us = payment.ts_us;
    event.arrival = i + 1;
    event.nodes = {AccountName(payment.payer), AccountName(payment.payee)};
    event.amount = Datum::Int(payment.amount_cents);
    if (i < WarmUp(options)) {
      graph.Push(event, values);
      continue;
    }
    timed.Run([&] { truncated += graph.Push(event, values) ? 1 : 0; });
    for (size_t k = 0; k < values.size(); ++k) {
      sums[k] += static_cast<double>(values[k].i);
    }
  }
  timed.Print(
      {{"name", "graph"},
       {"accounts", options.population.accounts},
       {"truncated_share", static_cast<double>(truncated) / static_cast<double>(options.events)},
       {"sums", sums}});
}

void Export(Options options) {
  options.shape.graph = false;
  const std::vector<Conditions> rules = MakeRules(options.shape.rules, kSeed);
  std::ofstream csv(options.dir + "/payments.csv");
  csv << "ts_us,payer,payee,device,amount_cents\n";
  Payments payments(options.population, kSeed);
  for (uint64_t i = 0; i < WarmUp(options) + options.events; ++i) {
    const Payment payment = payments.Next();
    csv << fmt::format("{},{},{},{},{}\n", payment.ts_us, AccountName(payment.payer),
                       AccountName(payment.payee), DeviceName(payment.device),
                       payment.amount_cents);
  }
  json list = json::array();
  for (const Conditions& conditions : rules) {
    json rule = json::array();
    for (const Predicate& predicate : conditions) {
      rule.push_back({predicate.column, predicate.op, predicate.value});
    }
    list.push_back(std::move(rule));
  }
  std::ofstream(options.dir + "/rules.json") << list.dump() << '\n';

  const auto pack = CompilePack(options.shape, rules);
  std::ofstream sql(options.dir + "/batch.sql");
  sql << OrFail(pack->BatchSql(
             "SELECT row_number() OVER () - 1 AS id, make_timestamp(ts_us) AS ts, payer, payee, "
             "device, (amount_cents / 100)::DECIMAL(18,2) AS amount FROM payments",
             sql::Arrivals::kInOrder))
      << '\n';
  std::ofstream lines(options.dir + "/rows.jsonl");
  for (const KeptRow& row : KeepRows(options, pack)) {
    json line = {{"amount", static_cast<double>(row.event.columns[5].i) / 100}};
    for (size_t i = 0; i < row.decision.features.size(); ++i) {
      const table::Column& column = pack->feature_schema()[i];
      const Datum& value = row.decision.features[i];
      if (value.is_null() || value.kind == Datum::Kind::kDouble) {
        continue;  // no rule reads these
      }
      line[column.name] = column.type.id == table::TypeId::kDecimal
                              ? static_cast<double>(value.i) / 100
                              : static_cast<double>(value.i);
    }
    line["hits"] = row.decision.hits.size();
    lines << line.dump() << '\n';
  }
  if (!csv || !sql || !lines) {
    Fail(Err(ErrorCode::kIo, "{} cannot be written", options.dir));
  }
}

}  // namespace
}  // namespace fuqi::bench

int main(int argc, char** argv) {
  using fuqi::bench::Options;
  Options options;
  CLI::App app("the decision core under load");
  app.require_subcommand(1);
  app.add_option("--accounts", options.population.accounts)->check(CLI::PositiveNumber);
  app.add_option("--per-day", options.population.per_day)->check(CLI::PositiveNumber);
  app.add_flag("--alike", options.population.alike, "no account is busier than another");
  app.add_option("--events", options.events)->check(CLI::PositiveNumber);
  app.add_option("--rules", options.shape.rules)->check(CLI::Range(0, 2000));
  app.add_option("--days", options.shape.longest_days)->check(CLI::PositiveNumber);
  app.fallthrough();
  CLI::App* all = app.add_subcommand("all");
  all->add_option("--log", options.dir)->required();
  CLI::App* fill = app.add_subcommand("fill");
  fill->add_option("--log", options.dir)->required()->check(CLI::NonexistentPath);
  CLI::App* recover = app.add_subcommand("recover");
  recover->add_option("--log", options.dir)->required()->check(CLI::ExistingDirectory);
  CLI::App* pack = app.add_subcommand("pack");
  CLI::App* windows = app.add_subcommand("windows");
  CLI::App* rules = app.add_subcommand("rules");
  CLI::App* graph = app.add_subcommand("graph");
  app.add_subcommand("export")->add_option("dir", options.dir)->required();
  CLI11_PARSE(app, argc, argv);
  if (all->parsed()) {
    fuqi::bench::RunAll(options);
  } else if (fill->parsed()) {
    fuqi::bench::RunFill(options);
  } else if (recover->parsed()) {
    fuqi::bench::RunRecover(options);
  } else if (pack->parsed()) {
    fuqi::bench::RunPack(options);
  } else if (windows->parsed()) {
    fuqi::bench::RunWindows(options);
  } else if (rules->parsed()) {
    fuqi::bench::RunRules(options);
  } else if (graph->parsed()) {
    fuqi::bench::RunGraph(options);
  } else {
    fuqi::bench::Export(options);
  }
  return 0;
}
