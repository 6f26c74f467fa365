#pragma once

// A typed expression compiled for one event at a time: a flat list of instructions over registers,
// three-valued logic, every exact kind in 128 bits with the overflow bounds of its SQL type. No
// allocation per evaluation beyond texts in the scratch arena.
//
// Gives what DuckDB gives on the same row, to the bit, or within the bound that docs/sql.md states
// for the construct. Errors where DuckDB errs (overflow, failed cast), and on a DOUBLE that is not
// finite, where DuckDB would go on.

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "sql/expr.h"

namespace fuqi::sql {

// Memory for the texts and registers of one evaluation; reuse it, Reset between events. One per
// thread.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(Scratch&&) noexcept;
  Scratch& operator=(Scratch&&) noexcept;
  void Reset();
  // `size` bytes that live until Reset.
  char* Allocate(size_t size);

 private:
  friend class Program;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Program {
 public:
  // kUnsupported names the construct; kInvalidArgument: a constant pattern that is none.
  // `*error_at`, if given, becomes the place in the fragment at fault, or -1.
  static Result<Program> Compile(const Expr& expr, Position* error_at = nullptr);
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  // columns[i] is what Expr::kColumn i reads; windows[i] what kWindow i reads. A text result lives
  // in `scratch`, the row or the program. kOutOfRange, and kParse for a text that is not what it is
  // cast to.
  Result<table::Datum> Run(std::span<const table::Datum> columns,
                           std::span<const table::Datum> windows, Scratch& scratch,
                           Position* error_at = nullptr) const;
  table::Type type() const;
  // Instructions that one run executes at most: the step count of `pack check`.
  int steps_max() const;

 private:
  struct Impl;
  class Compiler;
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::sql
