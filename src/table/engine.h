#pragma once

// What SQL runs on: the embedded DuckDB, or any database with an ADBC driver. The only way to read
// data. [architecture: "No read without a permit"]
//
// Run takes a permit and nothing else that says what to do. Each run of the embedded engine has a
// database of its own, which sees the permit's files and no other, has no extensions but those
// built in, writes nothing, and is bounded in memory, time and threads; what it could have left
// behind dies with it. A driver brings its own database: there the permit's statement is one of
// that database's SQL, its files must be none, bounds on memory and threads and what the account
// may do are the database's own, and a driver that cannot be cancelled may come back late (its rows
// are refused).
//
// Security: a statement that gets past DuckDB's own checks could do what this process may do. The
// paths of a permit are compared as texts: who may replace a file by a link may redirect the read.
//
// Threads: Run from any thread; each RowStream from one at a time.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "table/arrow.h"
#include "table/permit.h"

namespace fuqi::table {

// Rows that the caller holds and the statement may read under this name.
struct Relation {
  std::string name;
  Schema schema;
  std::vector<Row> rows;
};

// An ADBC driver: a shared library (a path, or a name that the system's loader finds), the name of
// its init function ("" for AdbcDriverInit), and options for its database, in order.
struct DriverSpec {
  std::string library;
  std::string entrypoint;
  std::vector<std::pair<std::string, std::string>> options;
};

class Engine {
 public:
  // DuckDB as linked into this program. `clock` tells when a permit has expired.
  static std::unique_ptr<Engine> Embedded(Clock& clock);
  // kNotFound: the library cannot be loaded, in the loader's words; kUnsupported: it is no ADBC
  // driver; otherwise what the driver says of the options.
  static Result<std::unique_ptr<Engine>> Driver(Clock& clock, const DriverSpec& spec);
  virtual ~Engine() = default;

  // Runs the permit's statement; `given` are tables beside its files. Rows come as they are made.
  // Errors, here or from the stream, with line and column in the statement where the engine says:
  //   kPermissionDenied   the permit has expired, allows something other than one SELECT, or the
  //                       statement touches a file, extension or setting that it may not
  //   kResourceExhausted  more memory than limits().memory_bytes; the process lives
  //   kDeadlineExceeded   more time within the engine than limits().time_ms
  //   kParse, kNotFound, kTypeMismatch, kOutOfRange, kInvalidArgument, kUnsupported, kIo
  Result<RowStream> Run(Permit&& permit, std::vector<Relation> given = {});

 protected:
  explicit Engine(Clock& clock) : clock_(clock) {}

 private:
  virtual Result<RowStream> Start(const Permit& permit, std::vector<Relation> given) = 0;

  Clock& clock_;
};

}  // namespace fuqi::table
