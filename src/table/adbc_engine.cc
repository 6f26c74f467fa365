// A database with an ADBC driver as an engine. [ADBC specification 1.1.0]

#include <adbc.h>
#include <dlfcn.h>

#include "table/engine.h"
#include "table/watchdog_internal.h"

namespace fuqi::table {
namespace {

ErrorCode CodeOf(AdbcStatusCode status) {
  switch (status) {
    case ADBC_STATUS_NOT_IMPLEMENTED:
      return ErrorCode::kUnsupported;
    case ADBC_STATUS_NOT_FOUND:
      return ErrorCode::kNotFound;
    case ADBC_STATUS_ALREADY_EXISTS:
      return ErrorCode::kAlreadyExists;
    case ADBC_STATUS_INVALID_ARGUMENT:
      return ErrorCode::kInvalidArgument;
    case ADBC_STATUS_INVALID_DATA:
      return ErrorCode::kTypeMismatch;
    case ADBC_STATUS_IO:
      return ErrorCode::kIo;
    case ADBC_STATUS_CANCELLED:
      return ErrorCode::kCancelled;
    case ADBC_STATUS_TIMEOUT:
      return ErrorCode::kDeadlineExceeded;
    case ADBC_STATUS_UNAUTHENTICATED:
      return ErrorCode::kUnauthenticated;
    case ADBC_STATUS_UNAUTHORIZED:
      return ErrorCode::kPermissionDenied;
    default:
      return ErrorCode::kInternal;
  }
}

// The error that a call may fill in, freed.
class Fault {
 public:
  Fault() = default;
  ~Fault() { Clear(); }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  AdbcError* get() {
    Clear();
    return &error_;
  }
  // The driver's words for what `status` says; nothing on ADBC_STATUS_OK.
  Result<void> Check(AdbcStatusCode status) {
    if (status == ADBC_STATUS_OK) {
      return {};
    }
    return Err(CodeOf(status), "the engine's driver says: {}",
               error_.message != nullptr ? error_.message : "(nothing)");
  }

 private:
  void Clear() {
    if (error_.release != nullptr) {
      error_.release(&error_);
    }
    error_ = ADBC_ERROR_INIT;
  }
  AdbcError error_ = ADBC_ERROR_INIT;
};

// A loaded driver, its database and options: shared by the engine and its streams.
struct Loaded {
  AdbcDriver driver{};
  AdbcDatabase database{};
  bool has_database = false;

  ~Loaded() {
    Fault fault;
    if (has_database) {
      driver.DatabaseRelease(&database, fault.get());
    }
    if (driver.release != nullptr) {
      driver.release(&driver, fault.get());
    }
    // The library stays: drivers with a runtime of their own (Go) do not survive dlclose.
  }
};

// A connection and a statement, alive as long as the rows are read.
struct Session {
  std::shared_ptr<Loaded> loaded;
  AdbcConnection connection{};
  AdbcStatement statement{};
  bool has_connection = false;
  bool has_statement = false;

  ~Session() {
    Fault fault;
    if (has_statement) {
      loaded->driver.StatementRelease(&statement, fault.get());
    }
    if (has_connection) {
      loaded->driver.ConnectionRelease(&connection, fault.get());
    }
  }
};

Result<void> NewStatement(Session& session) {
  Fault fault;
  const AdbcDriver& driver = session.loaded->driver;
  if (session.has_statement) {
    FUQI_RETURN_IF_ERROR(fault.Check(driver.StatementRelease(&session.statement, fault.get())));
    session.has_statement = false;
  }
  session.statement = {};
  FUQI_RETURN_IF_ERROR(
      fault.Check(driver.StatementNew(&session.connection, &session.statement, fault.get())));
  session.has_statement = true;
  return {};
}

Result<void> Ingest(Session& session, Relation relation) {
  FUQI_RETURN_IF_ERROR(NewStatement(session));
  Fault fault;
  const AdbcDriver& driver = session.loaded->driver;
  FUQI_RETURN_IF_ERROR(fault.Check(driver.StatementSetOption(
      &session.statement, ADBC_INGEST_OPTION_TARGET_TABLE, relation.name.c_str(), fault.get())));
  FUQI_RETURN_IF_ERROR(fault.Check(driver.StatementSetOption(
      &session.statement, ADBC_INGEST_OPTION_MODE, ADBC_INGEST_OPTION_MODE_CREATE, fault.get())));
  OwnedStream stream = StreamOfRows(std::move(relation.schema), std::move(relation.rows));
  FUQI_RETURN_IF_ERROR(
      fault.Check(driver.StatementBindStream(&session.statement, stream.get(), fault.get())));
  (void)stream.Take();  // the driver's now
  return fault.Check(
      driver.StatementExecuteQuery(&session.statement, nullptr, nullptr, fault.get()));
}

// The rows of one statement, within the permit's time.
class Rows : public BatchSource {
 public:
  Rows(std::unique_ptr<Session> session, int64_t time_ms)
      : session_(std::move(session)), watchdog_(time_ms, [this] { Cancel(); }) {}

  Result<void> Execute(const std::string& sql) {
    FUQI_RETURN_IF_ERROR(NewStatement(*session_));
    Watchdog::Inside inside(watchdog_);
    Fault fault;
    const AdbcDriver& driver = session_->loaded->driver;
    FUQI_RETURN_IF_ERROR(InTime(
        fault.Check(driver.StatementSetSqlQuery(&session_->statement, sql.c_str(), fault.get()))));
    OwnedStream stream;
    FUQI_RETURN_IF_ERROR(InTime(fault.Check(
        driver.StatementExecuteQuery(&session_->statement, stream.get(), nullptr, fault.get()))));
    source_ = SourceOf(std::move(stream));
    return {};
  }

  Result<OwnedSchema> ReadSchema() override {
    Watchdog::Inside inside(watchdog_);
    return InTime(source_->ReadSchema());
  }
  Result<OwnedArray> NextBatch() override {
    Watchdog::Inside inside(watchdog_);
    return InTime(source_->NextBatch());
  }

 private:
  // A driver that cannot be cancelled comes back late: its answer is refused all the same.
  template <class T>
  Result<T> InTime(Result<T> answer) {
    return watchdog_.barked() ? Result<T>(watchdog_.TimeUp()) : std::move(answer);
  }

  void Cancel() {
    Fault fault;
    if (const auto cancel = session_->loaded->driver.StatementCancel; cancel != nullptr) {
      cancel(&session_->statement, fault.get());
    }
  }

  std::unique_ptr<Session> session_;
  std::unique_ptr<BatchSource> source_;  // dies before the session
  Watchdog watchdog_;                    // dies first: it uses the session
};

class AdbcEngine : public Engine {
 public:
  AdbcEngine(Clock& clock, std::shared_ptr<Loaded> loaded)
      : Engine(clock), loaded_(std::move(loaded)) {}

 private:
  Result<RowStream> Start(const Permit& permit, std::vector<Relation> given) override {
    if (!permit.plan().read_paths.empty()) {
      return Err(ErrorCode::kUnsupported,
                 "this engine reads its own tables: a permit for it names no files");
    }
    auto session = std::make_unique<Session>();
    session->loaded = loaded_;
    Fault fault;
    const AdbcDriver& driver = loaded_->driver;
    FUQI_RETURN_IF_ERROR(fault.Check(driver.ConnectionNew(&session->connection, fault.get())));
    session->has_connection = true;
    FUQI_RETURN_IF_ERROR(
        fault.Check(driver.ConnectionInit(&session->connection, &loaded_->database, fault.get())));
    for (Relation& relation : given) {
      FUQI_RETURN_IF_ERROR(Ingest(*session, std::move(relation)));
    }
    auto rows = std::make_unique<Rows>(std::move(session), permit.limits().time_ms);
    FUQI_RETURN_IF_ERROR(rows->Execute(permit.plan().sql));
    return RowStream::Open(std::move(rows));
  }

  std::shared_ptr<Loaded> loaded_;
};

Result<void> InitDriver(AdbcDriverInitFunc init, AdbcDriver& driver) {
  Fault fault;
  for (int version : {ADBC_VERSION_1_1_0, ADBC_VERSION_1_0_0}) {
    driver = {};
    const AdbcStatusCode status = init(version, &driver, fault.get());
    if (status == ADBC_STATUS_NOT_IMPLEMENTED && version == ADBC_VERSION_1_1_0) {
      continue;
    }
    FUQI_RETURN_IF_ERROR(fault.Check(status));
    break;
  }
  const bool whole = driver.DatabaseNew != nullptr && driver.DatabaseSetOption != nullptr &&
                     driver.DatabaseInit != nullptr && driver.DatabaseRelease != nullptr &&
                     driver.ConnectionNew != nullptr && driver.ConnectionInit != nullptr &&
                     driver.ConnectionRelease != nullptr && driver.StatementNew != nullptr &&
                     driver.StatementSetSqlQuery != nullptr &&
                     driver.StatementExecuteQuery != nullptr && driver.StatementRelease != nullptr;
  if (!whole) {
    return Err(ErrorCode::kUnsupported, "the ADBC driver lacks functions that every driver has");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Driver(Clock& clock, const DriverSpec& spec) {
  void* library = dlopen(spec.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return Err(ErrorCode::kNotFound, "the ADBC driver {} cannot be loaded: {}", spec.library,
               reason != nullptr ? reason : "");
  }
  const std::string entrypoint = spec.entrypoint.empty() ? "AdbcDriverInit" : spec.entrypoint;
  const auto init = reinterpret_cast<AdbcDriverInitFunc>(dlsym(library, entrypoint.c_str()));
  if (init == nullptr) {
    return Err(ErrorCode::kUnsupported, "{} is no ADBC driver: it has no function {}", spec.library,
               entrypoint);
  }
  auto loaded = std::make_shared<Loaded>();
  FUQI_RETURN_IF_ERROR(InitDriver(init, loaded->driver));
  Fault fault;
  const AdbcDriver& driver = loaded->driver;
  FUQI_RETURN_IF_ERROR(fault.Check(driver.DatabaseNew(&loaded->database, fault.get())));
  loaded->has_database = true;
  for (const auto& [key, value] : spec.options) {
    FUQI_RETURN_IF_ERROR(fault.Check(
        driver.DatabaseSetOption(&loaded->database, key.c_str(), value.c_str(), fault.get())));
  }
  FUQI_RETURN_IF_ERROR(fault.Check(driver.DatabaseInit(&loaded->database, fault.get())));
  return std::unique_ptr<Engine>(std::make_unique<AdbcEngine>(clock, std::move(loaded)));
}

}  // namespace fuqi::table
