// fuqi list, fuqi reference: what the lists and references of a log hold, and changes of them,
// where no node holds the log.

#include <ostream>
#include <set>

#include "base/messages.h"
#include "decide/partition.h"
#include "decide/sanctions.h"
#include "govern/local_owner.h"
#include "node/cli.h"
#include "node/json_text.h"
#include "node/list_json.h"
#include "node/log_partition.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

struct ListArguments {
  std::string log;
  std::string list;
  std::string value;
  std::vector<std::string> aliases;
  std::string from;
  std::string to;
  std::optional<std::string> source;
  std::string reason;
  std::string id;
  std::string file;
  std::string format = "csv";
  std::string aliases_file;
  bool replace = false;
  bool may_empty = false;
};

Result<const decide::ListState*> FindList(const decide::Partition& partition,
                                          const std::string& name) {
  const decide::ListState* list = partition.core().committed().FindList(name);
  if (list == nullptr) {
    return Err(ErrorCode::kNotFound, "the pack has no list '{}'", name);
  }
  return list;
}

decide::ListChange ChangeOf(const ListArguments& arguments) {
  return {{govern::CurrentUser(), SystemClock().NowUs(), arguments.id}, arguments.list, {}, {}};
}

// Makes the changes as one: all are in one commit.
Result<int> Make(decide::Partition& partition, const std::vector<decide::ListChange>& changes,
                 Context& context) {
  size_t put = 0;
  size_t removed = 0;
  uint64_t record = 0;
  bool repeated = false;
  for (const decide::ListChange& change : changes) {
    FUQI_ASSIGN_OR_RETURN(decide::Applied applied, partition.Apply(change));
    record = applied.seq;
    repeated = applied.repeated;
    put += change.puts.size();
    removed += change.removals.size();
  }
  FUQI_RETURN_IF_ERROR(partition.Commit(partition.TakeBatch()));
  FUQI_ASSIGN_OR_RETURN(const decide::ListState* list, FindList(partition, changes[0].list));
  if (context.json) {
    context.out << OrderedJson{{"list", changes[0].list}, {"put", put},
                               {"removals", removed},     {"size", list->size()},
                               {"record", record},        {"repeated", repeated}}
                       .dump()
                << '\n';
  } else {
    context.out << (repeated ? Say(context.language, "made before, by record {}", record)
                             : Say(context.language,
                                   "list '{}': {} entries put, {} removals; it holds {}",
                                   changes[0].list, put, removed, list->size()))
                << '\n';
  }
  FUQI_RETURN_IF_ERROR(partition.Close());
  return 0;
}

Result<int> Show(const ListArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  FUQI_ASSIGN_OR_RETURN(const decide::ListState* list, FindList(*partition, arguments.list));
  std::vector<decide::ListState::Held> entries;
  if (arguments.value.empty()) {
    entries = list->Page({}, list->size());
  } else {
    FUQI_ASSIGN_OR_RETURN(table::Datum value, table::ParseText(arguments.value, list->list().type));
    entries = list->Named(value);
  }
  if (context.json) {
    OrderedJson json = {{"list", arguments.list},
                        {"type", list->list().type.ToString()},
                        {"size", list->size()},
                        {"entries", OrderedJson::array()}};
    for (const auto& held : entries) {
      json["entries"].push_back(HeldJson(held));
    }
    context.out << json.dump() << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& held : entries) {
    rows.push_back({held.entry.value, fmt::format("{}", fmt::join(held.entry.aliases, "; ")),
                    ValidityText(held.entry, context.language), held.entry.source,
                    held.entry.reason, held.ref.ToText()});
  }
  const Language language = context.language;
  PrintTable({std::string(Tr("value", language)), std::string(Tr("aliases", language)),
              std::string(Tr("validity", language)), std::string(Tr("source", language)),
              std::string(Tr("reason", language)), std::string(Tr("entry", language))},
             rows, context.out);
  context.out << Say(context.language, "{} of {} entries", entries.size(), list->size()) << '\n';
  return 0;
}

// A time as a person writes it, or what stands for none.
Result<int64_t> TimeOf(const std::string& text, int64_t open) {
  if (text.empty()) {
    return open;
  }
  if (Result<int32_t> day = ParseDate(text)) {
    return *day * kDayUs;
  }
  Result<int64_t> time = ParseTimestamp(text);
  if (!time) {
    return Err(ErrorCode::kUsage, "write a time as 2024-01-31 or 2024-01-31T12:00:00Z");
  }
  return time;
}

Result<int> AddEntry(const ListArguments& arguments, Context& context) {
  decide::ListEntry entry{.value = arguments.value,
                          .aliases = arguments.aliases,
                          .source = arguments.source.value_or(""),
                          .reason = arguments.reason};
  FUQI_ASSIGN_OR_RETURN(entry.valid_from_us, TimeOf(arguments.from, decide::kSinceEver));
  FUQI_ASSIGN_OR_RETURN(entry.valid_to_us, TimeOf(arguments.to, decide::kForEver));
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  decide::ListChange change = ChangeOf(arguments);
  change.puts.push_back(std::move(entry));
  return Make(*partition, {change}, context);
}

Result<int> RemoveEntries(const ListArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  FUQI_ASSIGN_OR_RETURN(const decide::ListState* list, FindList(*partition, arguments.list));
  const decide::ListRemoval removal{arguments.value, arguments.source, {}};
  bool any = false;
  list->ForEach([&](const auto& each) { any = any || removal.Matches(each.entry.id()); });
  decide::ListChange change = ChangeOf(arguments);
  change.removals.push_back(removal);
  // What was taken away under this id is there no more, and the change is made all the same.
  FUQI_ASSIGN_OR_RETURN(std::optional<uint64_t> known,
                        partition->core().committed().FindChange(change));
  if (!any && !known) {
    return Err(ErrorCode::kNotFound, "list '{}' has no such entry", arguments.list);
  }
  return Make(*partition, {change}, context);
}

Result<std::vector<decide::ListEntry>> ReadEntries(const ListArguments& arguments,
                                                   const decide::List& list) {
  auto open = [](const std::string& path) -> Result<std::unique_ptr<File>> {
    return SystemDisk().Open(path, OpenMode::kRead).At({.file = path});
  };
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, open(arguments.file));
  if (arguments.format == "un") {
    return decide::ReadUn(arguments.file, FileSource(*file));
  }
  CsvReader reader(arguments.file, FileSource(*file));
  if (arguments.format == "csv") {
    return decide::ReadListCsv(reader, list);
  }
  if (arguments.aliases_file.empty()) {
    return decide::ReadOfac(reader, nullptr);
  }
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> alt, open(arguments.aliases_file));
  CsvReader aliases(arguments.aliases_file, FileSource(*alt));
  return decide::ReadOfac(reader, &aliases);
}

// Changes that make the list hold the entries, each small enough for a record; none for what it
// holds already. `gone`: what is to be taken away.
std::vector<decide::ListChange> ChangesFor(const ListArguments& arguments,
                                           const decide::ListState& list,
                                           std::vector<decide::ListEntry> entries,
                                           std::vector<decide::ListRemoval> gone) {
  constexpr size_t kBytesOfOne = decide::kChangeBytesMax / 4;
  std::vector<decide::ListChange> changes = {ChangeOf(arguments)};
  size_t bytes = 0;
  auto room = [&](size_t more) -> decide::ListChange& {
    if (bytes > 0 && bytes + more > kBytesOfOne) {
      changes.push_back(ChangeOf(arguments));
      bytes = 0;
    }
    bytes += more;
    return changes.back();
  };
  for (decide::ListRemoval& removal : gone) {
    const size_t size = 100 + removal.value.size() + removal.source.value_or("").size();
    room(size).removals.push_back(std::move(removal));
  }
  for (decide::ListEntry& entry : entries) {
    const decide::ListState::Held* held = list.Get(entry.id());
    if (held != nullptr && held->entry == entry) {
      continue;
    }
    Bytes encoded;
    ByteWriter writer(encoded);
    decide::WriteListEntry(entry, writer);
    room(encoded.size()).puts.push_back(std::move(entry));
  }
  return changes;
}

Result<int> Import(const ListArguments& arguments, Context& context) {
  if (arguments.format != "csv" && arguments.format != "ofac" && arguments.format != "un") {
    return Err(ErrorCode::kUsage, "--format takes csv, ofac or un");
  }
  if (!arguments.aliases_file.empty() && arguments.format != "ofac") {
    return Err(ErrorCode::kUsage, "--aliases is for --format ofac");
  }
  if (arguments.may_empty && (!arguments.replace || arguments.format != "csv")) {
    return Err(ErrorCode::kUsage, "--empty goes with --replace and --format csv");
  }
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  FUQI_ASSIGN_OR_RETURN(const decide::ListState* list, FindList(*partition, arguments.list));
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::ListEntry> entries,
                        ReadEntries(arguments, list->list()));
  if (arguments.replace && entries.empty() && !arguments.may_empty) {
    return Err(ErrorCode::kInvalidArgument,
               "the file has no entry, and --replace would empty the list '{}': if that is meant, "
               "say --empty too",
               arguments.list)
        .At({.file = arguments.file});
  }
  // Checked as a whole first: a file with one bad entry changes nothing.
  for (const decide::ListEntry& entry : entries) {
    FUQI_RETURN_IF_ERROR(decide::CheckEntry(list->list(), entry).At({.file = arguments.file}));
  }
  std::vector<decide::ListRemoval> gone;
  if (arguments.replace) {
    std::set<decide::ListEntryId> kept;
    for (const decide::ListEntry& entry : entries) {
      kept.insert(entry.id());
    }
    list->ForEach([&](const decide::ListState::Held& held) {
      const decide::ListEntryId id = held.entry.id();
      if (!kept.contains(id)) {
        gone.push_back({id.value, id.source, id.valid_from_us});
      }
    });
  }
  const auto changes = ChangesFor(arguments, *list, std::move(entries), std::move(gone));
  if (changes[0].puts.empty() && changes[0].removals.empty()) {
    context.out << (context.json ? OrderedJson{{"list", arguments.list},
                                               {"put", 0},
                                               {"removals", 0},
                                               {"size", list->size()}}
                                       .dump()
                                 : Say(context.language, "list '{}' holds all of it already",
                                       arguments.list))
                << '\n';
    return 0;
  }
  return Make(*partition, changes, context);
}

Result<const decide::ReferenceState*> FindReference(const decide::Partition& partition,
                                                    const std::string& name) {
  const decide::ReferenceState* found = partition.core().committed().FindReference(name);
  if (found == nullptr) {
    return Err(ErrorCode::kNotFound, "the pack has no reference '{}'", name);
  }
  return found;
}

Result<int> ShowReference(const ListArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  FUQI_ASSIGN_OR_RETURN(const decide::ReferenceState* state,
                        FindReference(*partition, arguments.list));
  const table::Schema& schema = state->reference().schema;
  std::vector<std::string> header;
  for (const table::Column& column : schema) {
    header.push_back(column.name);
  }
  std::vector<std::vector<std::string>> rows;
  OrderedJson json = {{"reference", arguments.list}, {"rows", OrderedJson::array()}};
  for (const table::Row& row : state->Rows()) {
    std::vector<std::string>& texts = rows.emplace_back();
    std::string object;
    AppendJsonRow(schema, row.values(), object);
    json["rows"].push_back(OrderedJson::parse(object));
    for (size_t i = 0; i < schema.size(); ++i) {
      texts.push_back(table::ToText(row[i], schema[i].type));
    }
  }
  if (context.json) {
    context.out << json.dump() << '\n';
    return 0;
  }
  PrintTable(header, rows, context.out);
  context.out << Say(context.language, "{} rows", rows.size()) << '\n';
  return 0;
}

Result<int> ImportReference(const ListArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  FUQI_ASSIGN_OR_RETURN(const decide::ReferenceState* state,
                        FindReference(*partition, arguments.list));
  FUQI_ASSIGN_OR_RETURN(
      std::unique_ptr<File> file,
      SystemDisk().Open(arguments.file, OpenMode::kRead).At({.file = arguments.file}));
  CsvReader reader(arguments.file, FileSource(*file));
  FUQI_ASSIGN_OR_RETURN(std::vector<table::Row> rows,
                        decide::ReadReferenceCsv(reader, state->reference()));
  // In records of bounded size, and one commit: all of them or none.
  constexpr size_t kRowsOfOne = 500;
  const size_t put = rows.size();
  for (size_t begin = 0; begin < rows.size(); begin += kRowsOfOne) {
    decide::ReferenceChange change{{govern::CurrentUser(), SystemClock().NowUs(), ""},
                                   arguments.list,
                                   state->reference().schema,
                                   {}};
    const size_t end = std::min(begin + kRowsOfOne, rows.size());
    std::move(rows.begin() + static_cast<ptrdiff_t>(begin),
              rows.begin() + static_cast<ptrdiff_t>(end), std::back_inserter(change.rows));
    FUQI_RETURN_IF_ERROR(partition->Apply(change));
  }
  FUQI_RETURN_IF_ERROR(partition->Commit(partition->TakeBatch()));
  context.out << (context.json ? OrderedJson{{"reference", arguments.list},
                                             {"put", put},
                                             {"size", state->size()}}
                                     .dump()
                               : Say(context.language, "reference '{}': {} rows put; it holds {}",
                                     arguments.list, put, state->size()))
              << '\n';
  FUQI_RETURN_IF_ERROR(partition->Close());
  return 0;
}

}  // namespace

void AddListCommands(Cli& cli) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* group =
      cli.Group("list", cli.Text("Lists of a log that no node holds: look, change, import"));
  auto command = [&](const std::string& name, const std::string& help,
                     Result<int> (*run)(const ListArguments&, Context&)) {
    CLI::App* added = cli.Command(
        group, name, help, [arguments, run](Context& context) { return run(*arguments, context); });
    added->add_option("LIST", arguments->list, cli.Text("Name of the list in its pack"))
        ->required();
    AddLogOption(cli, *added, arguments->log);
    return added;
  };
  CLI::App* show = command("show", cli.Text("Print the entries of a list"), Show);
  show->add_option("--value", arguments->value, cli.Text("Only those of this value or alias"))
      ->type_name("TEXT");
  CLI::App* add = command("add", cli.Text("Put an entry into a list"), AddEntry);
  add->add_option("VALUE", arguments->value, cli.Text("The value that is listed"))->required();
  add->add_option("--alias", arguments->aliases, cli.Text("Another value of the same meaning"))
      ->type_name("TEXT");
  add->add_option("--from", arguments->from, cli.Text("Since when it counts (default: ever)"))
      ->type_name("TIME");
  add->add_option("--to", arguments->to, cli.Text("When it stops counting (default: never)"))
      ->type_name("TIME");
  add->add_option("--source", arguments->source, cli.Text("Who lists it"))->type_name("TEXT");
  add->add_option("--reason", arguments->reason, cli.Text("Why it is listed"))->type_name("TEXT");
  CLI::App* remove = command("remove", cli.Text("Take entries out of a list"), RemoveEntries);
  remove->add_option("VALUE", arguments->value, cli.Text("The value whose entries go"))->required();
  remove->add_option("--source", arguments->source, cli.Text("Only those that this source lists"))
      ->type_name("TEXT");
  for (CLI::App* each : {add, remove}) {
    each->add_option("--id", arguments->id,
                     cli.Text("Name of this change: made once, however often it is sent"))
        ->type_name("TEXT");
  }
  CLI::App* import = command("import", cli.Text("Put the entries of a file into a list"), Import);
  import->add_option("FILE", arguments->file, cli.Text("The file"))->required();
  import
      ->add_option("--format", arguments->format,
                   cli.Text("csv (with a header), ofac (sdn.csv) or un (XML)"))
      ->type_name("csv|ofac|un")
      ->capture_default_str();
  import->add_option("--aliases", arguments->aliases_file, cli.Text("OFAC's alt.csv"))
      ->type_name("FILE");
  import->add_flag("--replace", arguments->replace,
                   cli.Text("Take away what the list holds and the file does not"));
  import->add_flag("--empty", arguments->may_empty,
                   cli.Text("With --replace: a CSV file without entries may empty the list"));
}

void AddReferenceCommands(Cli& cli) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* group =
      cli.Group("reference", cli.Text("References of a log that no node holds: look, import"));
  auto command = [&](const std::string& name, const std::string& help,
                     Result<int> (*run)(const ListArguments&, Context&)) {
    CLI::App* added = cli.Command(
        group, name, help, [arguments, run](Context& context) { return run(*arguments, context); });
    added->add_option("REFERENCE", arguments->list, cli.Text("Name of the reference in its pack"))
        ->required();
    AddLogOption(cli, *added, arguments->log);
    return added;
  };
  command("show", cli.Text("Print the rows of a reference"), ShowReference);
  command("import", cli.Text("Put the rows of a CSV file into a reference"), ImportReference)
      ->add_option("FILE", arguments->file, cli.Text("The file"))
      ->required();
}

}  // namespace fuqi::node
