// The embedded DuckDB as an engine, by its C API and not by ADBC: its ADBC driver in 1.4.4 holds
// the whole result before giving the first row, cannot be cancelled, and reports errors as bare
// texts (docs/adr/0002-embedded-duckdb-by-its-c-api.md).

#include <duckdb.h>

#include "table/embedded_internal.h"
#include "table/engine.h"
#include "table/position.h"
#include "table/watchdog_internal.h"

namespace fuqi::table {
namespace {

// Error of a duckdb_error_data, which is freed; nothing if there is none.
Result<void> Check(duckdb_error_data data) {
  Result<void> result;
  if (data != nullptr && duckdb_error_data_has_error(data)) {
    result = ReadEngineFault(duckdb_error_data_message(data), {}).error;
  }
  duckdb_destroy_error_data(&data);
  return result;
}

// One statement on a database of its own, from preparation to the last row.
class Execution : public BatchSource {
 public:
  Execution(std::unique_ptr<Embedded> embedded, const Permit& permit)
      : embedded_(std::move(embedded)),
        sql_(permit.plan().sql),
        watchdog_(permit.limits().time_ms,
                  [connection = embedded_->connection()] { duckdb_interrupt(connection); }) {}

  ~Execution() override {
    // The result may still be executing: it ends before its connection does.
    duckdb_destroy_result(&result_);
    duckdb_destroy_prepare(&statement_);
    duckdb_destroy_arrow_options(&arrow_options_);
  }

  Result<void> Load(Relation relation) {
    Watchdog::Inside inside(watchdog_);
    FUQI_RETURN_IF_ERROR(embedded_->CreateTable(relation.name, relation.schema));
    duckdb_arrow_converted_schema converted = nullptr;
    duckdb_appender appender = nullptr;
    auto loaded = [&]() -> Result<void> {
      OwnedSchema schema = ArrowSchemaOf(relation.schema);
      FUQI_RETURN_IF_ERROR(
          Check(duckdb_schema_from_arrow(embedded_->connection(), schema.get(), &converted)));
      if (duckdb_appender_create(embedded_->connection(), nullptr, relation.name.c_str(),
                                 &appender) != DuckDBSuccess) {
        return AppenderError(appender);
      }
      OwnedStream stream = StreamOfRows(std::move(relation.schema), std::move(relation.rows));
      for (;;) {
        OwnedArray batch;
        if (stream->get_next(stream.get(), batch.get()) != 0) {
          return Err(ErrorCode::kOutOfRange,
                     "an INTERVAL beyond 292 years cannot be given to the SQL engine");
        }
        if (batch.empty()) {
          break;
        }
        FUQI_RETURN_IF_ERROR(AppendBatch(std::move(batch), converted, appender));
      }
      return duckdb_appender_close(appender) == DuckDBSuccess ? Result<void>()
                                                              : AppenderError(appender);
    }();
    duckdb_appender_destroy(&appender);
    duckdb_destroy_arrow_converted_schema(&converted);
    return loaded;
  }

  // Prepares and starts the statement; gives the types of its columns.
  Result<Schema> Start() {
    Watchdog::Inside inside(watchdog_);
    if (duckdb_prepare(embedded_->connection(), sql_.c_str(), &statement_) != DuckDBSuccess) {
      return Fault(duckdb_prepare_error(statement_));
    }
    // SECURITY: everything but a SELECT could change what a later check relies on.
    // Test: EngineTest.RefusesEveryStatementThatIsNoSelect.
    if (duckdb_prepared_statement_type(statement_) != DUCKDB_STATEMENT_TYPE_SELECT) {
      return Err(ErrorCode::kPermissionDenied,
                 "a permit allows one SELECT statement, nothing else");
    }
    if (duckdb_nparams(statement_) > 0) {
      return Err(ErrorCode::kUnsupported, "the SQL has a parameter: write the value itself");
    }
    FUQI_ASSIGN_OR_RETURN(Schema schema, OutputOf(statement_));
    if (duckdb_execute_prepared_streaming(statement_, &result_) != DuckDBSuccess) {
      return Fault(duckdb_result_error(&result_));
    }
    arrow_options_ = duckdb_result_get_arrow_options(&result_);
    return schema;
  }

  Result<OwnedSchema> ReadSchema() override {
    const idx_t columns = duckdb_column_count(&result_);
    std::vector<duckdb_logical_type> types;
    std::vector<const char*> names;
    for (idx_t i = 0; i < columns; ++i) {
      types.push_back(duckdb_column_logical_type(&result_, i));
      names.push_back(duckdb_column_name(&result_, i));
    }
    OwnedSchema schema;
    const auto made = Check(
        duckdb_to_arrow_schema(arrow_options_, types.data(), names.data(), columns, schema.get()));
    for (duckdb_logical_type& type : types) {
      duckdb_destroy_logical_type(&type);
    }
    FUQI_RETURN_IF_ERROR(made);
    return schema;
  }

  Result<OwnedArray> NextBatch() override {
    Watchdog::Inside inside(watchdog_);
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
    OwnedArray batch;
    if (chunk == nullptr) {
      // The end, or a failure; an interrupt may end a stream without an error.
      if (const char* raw = duckdb_result_error(&result_); raw != nullptr || watchdog_.barked()) {
        return Fault(raw);
      }
      return batch;
    }
    const auto made = Check(duckdb_data_chunk_to_arrow(arrow_options_, chunk, batch.get()));
    duckdb_destroy_data_chunk(&chunk);
    FUQI_RETURN_IF_ERROR(made);
    return batch;
  }

 private:
  Error Fault(const char* raw) {
    if (watchdog_.barked()) {
      return watchdog_.TimeUp();
    }
    EngineFault fault = ReadEngineFault(raw != nullptr ? raw : "", sql_);
    return fault.position < 0
               ? std::move(fault.error)
               : std::move(fault.error).At(PlaceIn(sql_, static_cast<size_t>(fault.position)));
  }

  Error AppenderError(duckdb_appender appender) {
    duckdb_error_data data = duckdb_appender_error_data(appender);
    auto checked = Check(data);
    return checked.has_value() ? ReadEngineFault("the appender failed", {}).error
                               : std::move(checked).error();
  }

  Result<void> AppendBatch(OwnedArray batch, duckdb_arrow_converted_schema converted,
                           duckdb_appender appender) {
    duckdb_data_chunk chunk = nullptr;
    // Takes the array's content over, and marks it released.
    FUQI_RETURN_IF_ERROR(Check(
        duckdb_data_chunk_from_arrow(embedded_->connection(), batch.get(), converted, &chunk)));
    const duckdb_state state = duckdb_append_data_chunk(appender, chunk);
    duckdb_destroy_data_chunk(&chunk);
    return state == DuckDBSuccess ? Result<void>() : AppenderError(appender);
  }

  std::unique_ptr<Embedded> embedded_;
  std::string sql_;
  duckdb_prepared_statement statement_ = nullptr;
  duckdb_result result_{};
  duckdb_arrow_options arrow_options_ = nullptr;
  Watchdog watchdog_;  // dies first: it interrupts the connection
};

class EmbeddedEngine : public Engine {
 public:
  explicit EmbeddedEngine(Clock& clock) : Engine(clock) {}

 private:
  Result<RowStream> Start(const Permit& permit, std::vector<Relation> given) override {
    FUQI_ASSIGN_OR_RETURN(auto embedded, Embedded::Open(permit.limits(), permit.plan().read_paths));
    auto execution = std::make_unique<Execution>(std::move(embedded), permit);
    for (Relation& relation : given) {
      FUQI_RETURN_IF_ERROR(execution->Load(std::move(relation)));
    }
    FUQI_ASSIGN_OR_RETURN(Schema schema, execution->Start());
    return RowStream::Open(std::move(execution), std::move(schema));
  }
};

}  // namespace

std::unique_ptr<Engine> Engine::Embedded(Clock& clock) {
  return std::make_unique<EmbeddedEngine>(clock);
}

}  // namespace fuqi::table
