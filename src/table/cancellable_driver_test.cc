// An ADBC driver of the tests, built as a library of its own: its one row never comes, unless the
// statement is cancelled. Three init functions: a whole driver, one of ADBC 1.0, one that lacks
// what every driver has.

#include <adbc.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace {

struct Statement {
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false;
};

template <class T>
AdbcStatusCode Nothing(T*, AdbcError*) {
  return ADBC_STATUS_OK;
}

AdbcStatusCode NewStatement(AdbcConnection*, AdbcStatement* statement, AdbcError*) {
  statement->private_data = new Statement;
  return ADBC_STATUS_OK;
}

AdbcStatusCode ReleaseStatement(AdbcStatement* statement, AdbcError*) {
  delete static_cast<Statement*>(statement->private_data);
  statement->private_data = nullptr;
  return ADBC_STATUS_OK;
}

AdbcStatusCode Cancel(AdbcStatement* raw, AdbcError*) {
  auto* statement = static_cast<Statement*>(raw->private_data);
  const std::lock_guard lock(statement->mutex);
  statement->cancelled = true;
  statement->changed.notify_all();
  return ADBC_STATUS_OK;
}

// A table without columns.
int GetSchema(ArrowArrayStream*, ArrowSchema* out) {
  *out = {};
  out->format = "+s";
  out->release = [](ArrowSchema* self) { self->release = nullptr; };
  return 0;
}

int GetNext(ArrowArrayStream* stream, ArrowArray* out) {
  auto* statement = static_cast<Statement*>(stream->private_data);
  *out = {};
  std::unique_lock lock(statement->mutex);
  // Not for ever: a test that waits for the cancellation in vain should fail, not hang.
  return statement->changed.wait_for(lock, std::chrono::seconds(10),
                                     [&] { return statement->cancelled; })
             ? ECANCELED
             : 0;
}

AdbcStatusCode Execute(AdbcStatement* statement, ArrowArrayStream* out, int64_t*, AdbcError*) {
  *out = {};
  out->get_schema = GetSchema;
  out->get_next = GetNext;
  out->get_last_error = [](ArrowArrayStream*) { return "cancelled"; };
  out->release = [](ArrowArrayStream* self) { self->release = nullptr; };
  out->private_data = statement->private_data;
  return ADBC_STATUS_OK;
}

void FillIn(AdbcDriver* driver) {
  driver->DatabaseNew = Nothing<AdbcDatabase>;
  driver->DatabaseInit = Nothing<AdbcDatabase>;
  driver->DatabaseRelease = Nothing<AdbcDatabase>;
  driver->DatabaseSetOption = [](AdbcDatabase*, const char*, const char*, AdbcError*) {
    return static_cast<AdbcStatusCode>(ADBC_STATUS_OK);
  };
  driver->ConnectionNew = Nothing<AdbcConnection>;
  driver->ConnectionRelease = Nothing<AdbcConnection>;
  driver->ConnectionInit = [](AdbcConnection*, AdbcDatabase*, AdbcError*) {
    return static_cast<AdbcStatusCode>(ADBC_STATUS_OK);
  };
  driver->StatementNew = NewStatement;
  driver->StatementRelease = ReleaseStatement;
  driver->StatementSetSqlQuery = [](AdbcStatement*, const char*, AdbcError*) {
    return static_cast<AdbcStatusCode>(ADBC_STATUS_OK);
  };
  driver->StatementExecuteQuery = Execute;
}

}  // namespace

extern "C" {

AdbcStatusCode AdbcDriverInit(int version, void* raw, AdbcError*) {
  if (version != ADBC_VERSION_1_1_0) {
    return ADBC_STATUS_NOT_IMPLEMENTED;
  }
  auto* driver = static_cast<AdbcDriver*>(raw);
  FillIn(driver);
  driver->StatementCancel = Cancel;
  return ADBC_STATUS_OK;
}

AdbcStatusCode OldDriverInit(int version, void* raw, AdbcError*) {
  if (version != ADBC_VERSION_1_0_0) {
    return ADBC_STATUS_NOT_IMPLEMENTED;
  }
  FillIn(static_cast<AdbcDriver*>(raw));
  return ADBC_STATUS_OK;
}

AdbcStatusCode EmptyDriverInit(int, void*, AdbcError*) { return ADBC_STATUS_OK; }

}  // extern "C"
