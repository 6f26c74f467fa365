// fuqi decide: events as JSON lines in, decisions out.

#include <filesystem>
#include <istream>
#include <ostream>

#include "base/messages.h"
#include "decide/partition.h"
#include "node/cli.h"
#include "node/decision_json.h"
#include "node/event_json.h"
#include "node/owner_query.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

constexpr size_t kLineBytesMax = size_t{1} << 20;
constexpr size_t kLinesPerCommit = 256;

struct DecideArguments {
  std::string dir;
  std::string log;
};

// A folder for a log that nobody wants to keep; removed with everything in it.
class ThrowAwayDir {
 public:
  static Result<ThrowAwayDir> Make() {
    std::error_code error;
    std::string name =
        (std::filesystem::temp_directory_path(error) / "fuqi-decide-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return Err(ErrorCode::kIo, "no folder can be made at {}", name);
    }
    ThrowAwayDir dir;
    dir.path_ = std::move(name);
    return dir;
  }
  ThrowAwayDir(ThrowAwayDir&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~ThrowAwayDir() {
    if (!path_.empty()) {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);
    }
  }
  const std::string& path() const { return path_; }

 private:
  ThrowAwayDir() = default;
  std::string path_;
};

enum class Line : uint8_t { kRead, kTooLong, kEnd };

// Reads up to the next line end, keeping at most kLineBytesMax bytes of it.
Line ReadLine(std::istream& in, std::string& line) {
  constexpr int kEof = std::char_traits<char>::eof();
  line.clear();
  std::streambuf& buffer = *in.rdbuf();
  int c = buffer.sbumpc();
  if (c == kEof) {
    return Line::kEnd;
  }
  bool too_long = false;
  for (; c != kEof && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() < kLineBytesMax) {
      line += static_cast<char>(c);
    } else {
      too_long = true;
    }
  }
  return too_long ? Line::kTooLong : Line::kRead;
}

class LineDecider {
 public:
  LineDecider(std::shared_ptr<const decide::CompiledPack> pack, decide::Partition& partition,
              Context& context)
      : pack_(std::move(pack)),
        view_(PackView::Of(pack_)),
        partition_(partition),
        context_(context) {}

  // Answers leave when their batch is on disk: when enough have gathered, or no more input is at
  // hand.
  Result<int> Run() {
    std::string line;
    for (uint64_t number = 1;; ++number) {
      const Line read = ReadLine(context_.in, line);
      if (read == Line::kEnd) {
        break;
      }
      Result<std::string> answer = read == Line::kTooLong
                                       ? Err(ErrorCode::kResourceExhausted,
                                             "the line is longer than {} bytes", kLineBytesMax)
                                       : Decide(line);
      if (!answer) {
        if (answer.error().code() == ErrorCode::kUnavailable) {
          return std::move(answer).error();
        }
        failed_ = true;
        answer = Refusal(number, answer.error());
      }
      waiting_ += *answer;
      waiting_ += '\n';
      if (++gathered_ >= kLinesPerCommit || context_.in.rdbuf()->in_avail() <= 0) {
        FUQI_RETURN_IF_ERROR(Flush());
      }
    }
    FUQI_RETURN_IF_ERROR(Flush());
    return failed_ ? 1 : 0;
  }

 private:
  std::string Refusal(uint64_t line, const Error& error) const {
    OrderedJson json = ErrorJson(error, context_.language);
    json.erase("line");  // within the event's own text: always the first
    return OrderedJson{{"line", line}, {"error", std::move(json)}}.dump();
  }

  Result<std::string> Decide(std::string& line) {
    FUQI_ASSIGN_OR_RETURN(EventJson::Events events, parser_.Parse(pack_->event_schema(), line, 1));
    if (events.array) {
      return Err(ErrorCode::kParse, "a line is one event, not an array");
    }
    FUQI_ASSIGN_OR_RETURN(table::Row row, std::move(events.rows[0]));
    decide::Event event{std::move(row), SystemClock().NowUs()};
    Result<decide::Outcome> outcome = partition_.Decide(event);
    if (!outcome && outcome.error().code() == ErrorCode::kResourceExhausted) {
      FUQI_RETURN_IF_ERROR(Flush());  // the open batch is full
      outcome = partition_.Decide(event);
    }
    if (!outcome) {
      return std::move(outcome).error();
    }
    const table::Datum& key = event.columns[static_cast<size_t>(pack_->key_column())];
    if (outcome->repeated) {
      FUQI_ASSIGN_OR_RETURN(auto publish, partition_.PublishedAt(outcome->decision.event_seq));
      if (publish->hash != pack_->pack().hash) {
        FUQI_ASSIGN_OR_RETURN(PackView earlier, PackView::Of(*publish));
        return DecisionJson(earlier, key, outcome->decision);
      }
    }
    return DecisionJson(view_, key, outcome->decision);
  }

  Result<void> Flush() {
    FUQI_RETURN_IF_ERROR(partition_.Commit(partition_.TakeBatch()));
    FUQI_RETURN_IF_ERROR(partition_.WriteDueSnapshot());
    context_.out << waiting_ << std::flush;
    waiting_.clear();
    gathered_ = 0;
    return {};
  }

  std::shared_ptr<const decide::CompiledPack> pack_;
  const PackView view_;
  decide::Partition& partition_;
  Context& context_;
  EventJson parser_;
  std::string waiting_;
  size_t gathered_ = 0;
  bool failed_ = false;
};

Result<int> Decide(const DecideArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, CompilePackIn(arguments.dir, *binder));
  // Without a log to keep, one that is thrown away: ids are remembered, answers repeated, all the
  // same.
  decide::PartitionOptions options;
  std::optional<ThrowAwayDir> throw_away;
  std::string dir = arguments.log;
  if (dir.empty()) {
    FUQI_ASSIGN_OR_RETURN(ThrowAwayDir made, ThrowAwayDir::Make());
    throw_away.emplace(std::move(made));
    dir = throw_away->path();
    options.log.sync = false;
    options.snapshot_every = 0;
  }
  FUQI_ASSIGN_OR_RETURN(
      std::unique_ptr<decide::Partition> partition,
      decide::Partition::Open(SystemDisk(), SystemClock(), dir, compiled, options));
  FUQI_ASSIGN_OR_RETURN(int code, LineDecider(compiled, *partition, context).Run());
  if (!throw_away) {
    FUQI_RETURN_IF_ERROR(partition->Close());
    FUQI_RETURN_IF_ERROR(partition->Snapshot());
  }
  return code;
}

}  // namespace

void AddDecideCommands(Cli& cli) {
  auto arguments = std::make_shared<DecideArguments>();
  CLI::App* command = cli.Command(
      cli.root(), "decide", cli.Text("Decide events given as JSON lines on standard input"),
      [arguments](Context& context) { return Decide(*arguments, context); });
  command->add_option("DIR", arguments->dir, cli.Text("Folder of the pack"))->required();
  command
      ->add_option("--log", arguments->log,
                   cli.Text("Folder of the log to decide into (default: one that is thrown away)"))
      ->type_name("DIR");
}

}  // namespace fuqi::node
