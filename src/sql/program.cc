#include "sql/program.h"

#include <algorithm>
#include <array>
#include <string>

#include "sql/case_index_internal.h"
#include "sql/functions.h"

namespace fuqi::sql {

// ---- Scratch: registers, and texts in blocks that are kept from one event to the next.

struct Scratch::Impl {
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  // What Reset keeps; more goes back to the system.
  static constexpr size_t kKeepBytes = size_t{1} << 20;

  std::vector<Datum> registers;
  std::vector<Block> blocks;
  size_t used = 0;  // of the last block
};

Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
Scratch::~Scratch() = default;
Scratch::Scratch(Scratch&&) noexcept = default;
Scratch& Scratch::operator=(Scratch&&) noexcept = default;

void Scratch::Reset() {
  auto& blocks = impl_->blocks;
  if (blocks.size() > 1 || (!blocks.empty() && blocks[0].size > Impl::kKeepBytes)) {
    // The next event will need as much again: one block instead of many.
    size_t total = 0;
    for (const auto& block : blocks) {
      total += block.size;
    }
    total = std::min(total, Impl::kKeepBytes);
    blocks.clear();
    blocks.push_back({std::make_unique_for_overwrite<char[]>(total), total});
  }
  impl_->used = 0;
}

char* Scratch::Allocate(size_t size) {
  auto& blocks = impl_->blocks;
  if (blocks.empty() || blocks.back().size - impl_->used < size) {
    const size_t grown = std::max(size, blocks.empty() ? size_t{256} : 2 * blocks.back().size);
    blocks.push_back({std::make_unique_for_overwrite<char[]>(grown), grown});
    impl_->used = 0;
  }
  char* bytes = blocks.back().bytes.get() + impl_->used;
  impl_->used += size;
  return bytes;
}

// ---- The instructions.

namespace {

enum class Source : uint32_t { kRegister, kColumn, kWindow, kConstant };

// Where an instruction finds an argument.
struct Operand {
  Source source = Source::kRegister;
  uint32_t index = 0;
};

struct Instruction {
  enum class Code : uint8_t {
    kOperation,     // target = operation(args)
    kCompareExact,  // target = args[0] is less, equal or greater than args[1], as `operation` asks
    kAndExact,  // the same comparison: FALSE is kept in target and jumps to `count`, NULL is kept
    kAnd,       // target = AND of args
    kOr,        // target = OR of args
    kMove,      // target = args[0]
    kFind,      // target = where the index of switch `operation` lists the branches for args[0]
    // Jumps.
    kJump,           // to `target`
    kJumpIfNotTrue,  // to `target` if args[0] is false or NULL
    kJumpIfNotNull,  // to `target` if args[0] is not NULL
    kNextBranch,     // to the branch listed at register `target`, which moves on to the next
  };
  Code code = Code::kOperation;
  uint32_t target = 0;  // a register, or an instruction
  uint32_t first = 0;   // operand
  uint32_t count = 0;   // operands
  // kOperation: which one. kCompareExact, kAndExact: the outcomes that make it true. kFind,
  // kNextBranch: which switch.
  uint32_t operation = 0;
};

// Rules are mostly comparisons of numbers under ANDs, hundreds an event: these are instructions of
// their own, since an Operation, with its types and bounds, takes cache lines to look at.
enum Outcome : uint32_t { kLess = 1, kEqual = 2, kGreater = 4 };

// The outcomes that make a comparison of exact values true; 0 for any other expression.
uint32_t ExactComparison(const Expr& expr) {
  if (expr.kind != Expr::Kind::kCompare || expr.children.size() != 2) {
    return 0;
  }
  for (const Expr& child : expr.children) {
    if (table::KindOf(child.type) != Datum::Kind::kInt) {
      return 0;
    }
  }
  constexpr std::pair<std::string_view, uint32_t> kOutcomes[] = {
      {"=", kEqual},          {"<>", kLess | kGreater}, {"<", kLess},
      {"<=", kLess | kEqual}, {">", kGreater},          {">=", kGreater | kEqual},
  };
  for (const auto& [name, outcomes] : kOutcomes) {
    if (expr.name == name) {
      return outcomes;
    }
  }
  return 0;
}

Datum CompareExact(const Datum& a, const Datum& b, uint32_t outcomes) {
  if (a.is_null() || b.is_null()) {
    return Datum::Null();
  }
  const uint32_t outcome = a.i < b.i ? kLess : a.i == b.i ? kEqual : kGreater;
  return Datum::Bool((outcomes & outcome) != 0);
}

// The value that decides (FALSE for AND, TRUE for OR) wherever it stands; else NULL if there is
// one.
Datum Connect(std::span<const Operand> operands, bool decides, const auto& read) {
  bool unknown = false;
  for (const Operand& operand : operands) {
    const Datum& value = *read(operand);
    if (value.is_null()) {
      unknown = true;
    } else if (value.is_true() == decides) {
      return Datum::Bool(decides);
    }
  }
  return unknown ? Datum::Null() : Datum::Bool(!decides);
}

// A long CASE: which of its branches to look at, and where each begins; the last is ELSE.
struct Switch {
  internal::CaseIndex index;
  std::vector<uint32_t> branches;
};

}  // namespace

struct Program::Impl {
  struct Evaluation;

  std::vector<Instruction> code;
  std::vector<Operand> operands;
  std::vector<Operation> operations;
  std::vector<Position> positions;  // of each operation
  std::vector<Switch> switches;
  table::Row constants;
  Operand result;
  Type type;
  uint32_t registers = 0;
  uint32_t columns = 0;  // how many the program reads, at most
  uint32_t windows = 0;
  uint32_t args_max = 0;  // of an operation
  int steps_max = 0;
};

class Program::Compiler {
 public:
  explicit Compiler(Program::Impl& out) : out_(out) {}

  Result<Operand> Compile(const Expr& expr) {
    switch (expr.kind) {
      case Expr::Kind::kConstant:
        out_.constants.Append(expr.constant.size() == 0 ? Datum::Null() : expr.constant[0]);
        return Operand{Source::kConstant, static_cast<uint32_t>(out_.constants.size() - 1)};
      case Expr::Kind::kColumn:
        return Input(expr, Source::kColumn, out_.columns);
      case Expr::Kind::kWindow:
        return Input(expr, Source::kWindow, out_.windows);
      case Expr::Kind::kCase:
        return CompileCase(expr);
      case Expr::Kind::kCoalesce:
        return CompileCoalesce(expr);
      default:
        return CompileOperation(expr);
    }
  }

  Position error_at() const { return error_at_; }

  // Longest way through the instructions: they only go forward.
  int StepsMax() const {
    std::vector<int> steps(out_.code.size() + 1, 0);
    for (size_t i = out_.code.size(); i-- > 0;) {
      const Instruction& in = out_.code[i];
      if (in.code == Code::kNextBranch) {
        int longest = 0;
        for (uint32_t branch : successors_[in.operation][in.count]) {
          longest = std::max(longest, steps[out_.switches[in.operation].branches[branch]]);
        }
        steps[i] = 1 + longest;
        continue;
      }
      const bool jumps = in.code >= Instruction::Code::kJump;
      const int jumped = jumps ? steps[in.target] : 0;  // kAndExact's is no longer than going on
      steps[i] =
          1 + (in.code == Instruction::Code::kJump ? jumped : std::max(jumped, steps[i + 1]));
    }
    return steps[0];
  }

 private:
  using Code = Instruction::Code;

  static Result<Operand> Input(const Expr& expr, Source source, uint32_t& count) {
    FUQI_CHECK(expr.column >= 0);
    count = std::max(count, static_cast<uint32_t>(expr.column) + 1);
    return Operand{source, static_cast<uint32_t>(expr.column)};
  }

  size_t Emit(Code code, uint32_t target = 0, std::span<const Operand> args = {}) {
    Instruction in;
    in.code = code;
    in.target = target;
    in.first = static_cast<uint32_t>(out_.operands.size());
    in.count = static_cast<uint32_t>(args.size());
    out_.operands.insert(out_.operands.end(), args.begin(), args.end());
    out_.code.push_back(in);
    return out_.code.size() - 1;
  }
  size_t Emit(Code code, uint32_t target, Operand arg) { return Emit(code, target, {&arg, 1}); }
  void Land(const std::vector<size_t>& jumps) {
    for (size_t jump : jumps) {
      out_.code[jump].target = static_cast<uint32_t>(out_.code.size());
    }
  }
  Operand NewRegister() { return {Source::kRegister, out_.registers++}; }

  // In a projection every operand of AND and OR is evaluated, as DuckDB does: an error in one is an
  // error of the whole. Comparisons of exact inputs have no errors, so an AND of these alone, which
  // is what most rules are, may stop at the first that is false.
  static bool StopsEarly(const Expr& expr) {
    const auto input = [](const Expr& child) {
      return child.kind == Expr::Kind::kColumn || child.kind == Expr::Kind::kWindow ||
             child.kind == Expr::Kind::kConstant;
    };
    return expr.kind == Expr::Kind::kAnd &&
           std::ranges::all_of(expr.children, [&](const Expr& child) {
             return ExactComparison(child) != 0 && std::ranges::all_of(child.children, input);
           });
  }

  Result<Operand> CompileExactAnd(const Expr& expr) {
    const Operand result = NewRegister();
    out_.constants.Append(Datum::Bool(true));
    Emit(Code::kMove, result.index,
         {Source::kConstant, static_cast<uint32_t>(out_.constants.size() - 1)});
    std::vector<size_t> comparisons;
    for (const Expr& child : expr.children) {
      FUQI_ASSIGN_OR_RETURN(const Operand left, Compile(child.children[0]));
      FUQI_ASSIGN_OR_RETURN(const Operand right, Compile(child.children[1]));
      comparisons.push_back(Emit(Code::kAndExact, result.index, {{left, right}}));
      out_.code[comparisons.back()].operation = ExactComparison(child);
    }
    for (const size_t comparison : comparisons) {
      out_.code[comparison].count = static_cast<uint32_t>(out_.code.size());
    }
    return result;
  }

  Result<Operand> CompileOperation(const Expr& expr) {
    if (StopsEarly(expr)) {
      return CompileExactAnd(expr);
    }
    std::vector<Operand> args;
    for (const Expr& child : expr.children) {
      FUQI_ASSIGN_OR_RETURN(Operand arg, Compile(child));
      args.push_back(arg);
    }
    if (expr.kind == Expr::Kind::kAnd || expr.kind == Expr::Kind::kOr) {
      const Operand result = NewRegister();
      Emit(expr.kind == Expr::Kind::kAnd ? Code::kAnd : Code::kOr, result.index, args);
      return result;
    }
    if (const uint32_t outcomes = ExactComparison(expr); outcomes != 0) {
      const Operand result = NewRegister();
      out_.code[Emit(Code::kCompareExact, result.index, args)].operation = outcomes;
      return result;
    }
    auto operation = Bind(expr);
    if (!operation) {
      error_at_ = expr.position;
      return std::move(operation).error();
    }
    out_.args_max = std::max(out_.args_max, static_cast<uint32_t>(args.size()));
    const Operand result = NewRegister();
    out_.code[Emit(Code::kOperation, result.index, args)].operation =
        static_cast<uint32_t>(out_.operations.size());
    out_.operations.push_back(*std::move(operation));
    out_.positions.push_back(expr.position);
    return result;
  }

  // Which branches may come after each one, 0 standing for the beginning of a list.
  static std::vector<std::vector<uint32_t>> Successors(const Switch& one) {
    std::vector<std::vector<uint32_t>> after(one.branches.size());
    uint32_t before = 0;
    for (uint32_t branch : one.index.branches) {
      after[before].push_back(branch);
      before = branch + 1 == one.branches.size() ? 0 : branch + 1;
    }
    for (std::vector<uint32_t>& each : after) {
      std::ranges::sort(each);
      each.erase(std::unique(each.begin(), each.end()), each.end());
    }
    return after;
  }

  // Looks at the branches alone that the index lists for the value at hand.
  Result<Operand> CompileSwitch(const Expr& expr, internal::CaseIndex index) {
    const auto number = static_cast<uint32_t>(out_.switches.size());
    const Operand result = NewRegister();
    const Operand list = NewRegister();
    out_.columns = std::max(out_.columns, static_cast<uint32_t>(index.column) + 1);
    const Operand column{Source::kColumn, static_cast<uint32_t>(index.column)};
    const std::vector<bool> decided = index.decided;
    out_.switches.push_back({std::move(index), {}});
    auto next_branch = [&](uint32_t behind) {
      const size_t at = Emit(Code::kNextBranch, list.index);
      out_.code[at].operation = number;
      out_.code[at].count = behind;  // the number, from 1, of the branch that it ends
    };
    out_.code[Emit(Code::kFind, list.index, column)].operation = number;
    next_branch(0);
    std::vector<uint32_t> begins;
    std::vector<size_t> to_end;
    for (size_t i = 0; i + 1 < expr.children.size(); i += 2) {
      begins.push_back(static_cast<uint32_t>(out_.code.size()));
      std::vector<size_t> to_next;
      if (!decided[i / 2]) {
        FUQI_RETURN_IF_ERROR(CompileCondition(expr.children[i], to_next));
      }
      FUQI_ASSIGN_OR_RETURN(Operand value, Compile(expr.children[i + 1]));
      Emit(Code::kMove, result.index, value);
      to_end.push_back(Emit(Code::kJump));
      Land(to_next);
      next_branch(static_cast<uint32_t>(begins.size()));
    }
    begins.push_back(static_cast<uint32_t>(out_.code.size()));
    FUQI_ASSIGN_OR_RETURN(Operand value, Compile(expr.children.back()));
    Emit(Code::kMove, result.index, value);
    Land(to_end);
    out_.switches[number].branches = std::move(begins);
    successors_.resize(out_.switches.size());
    successors_[number] = Successors(out_.switches[number]);
    return result;
  }

  Result<Operand> CompileCase(const Expr& expr) {
    if (std::optional<internal::CaseIndex> index = internal::IndexCase(expr)) {
      return CompileSwitch(expr, *std::move(index));
    }
    const Operand result = NewRegister();
    std::vector<size_t> to_end;
    for (size_t i = 0; i + 1 < expr.children.size(); i += 2) {
      std::vector<size_t> to_next;
      FUQI_RETURN_IF_ERROR(CompileCondition(expr.children[i], to_next));
      FUQI_ASSIGN_OR_RETURN(Operand value, Compile(expr.children[i + 1]));
      Emit(Code::kMove, result.index, value);
      to_end.push_back(Emit(Code::kJump));
      Land(to_next);
    }
    FUQI_CHECK(expr.children.size() % 2 == 1);
    FUQI_ASSIGN_OR_RETURN(Operand value, Compile(expr.children.back()));
    Emit(Code::kMove, result.index, value);
    Land(to_end);
    return result;
  }

  // Goes on if the condition is true and adds to `to_next` the jumps taken otherwise. Unlike in a
  // projection, AND and OR stop at the first operand that decides.
  Result<void> CompileCondition(const Expr& expr, std::vector<size_t>& to_next) {
    if (expr.kind == Expr::Kind::kAnd) {
      for (const Expr& child : expr.children) {
        FUQI_RETURN_IF_ERROR(CompileCondition(child, to_next));
      }
      return {};
    }
    if (expr.kind == Expr::Kind::kOr) {
      std::vector<size_t> to_then;
      for (size_t i = 0; i < expr.children.size(); ++i) {
        std::vector<size_t> to_other;
        FUQI_RETURN_IF_ERROR(CompileCondition(expr.children[i], to_other));
        if (i + 1 == expr.children.size()) {
          to_next.insert(to_next.end(), to_other.begin(), to_other.end());
        } else {
          to_then.push_back(Emit(Code::kJump));
          Land(to_other);
        }
      }
      Land(to_then);
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(Operand condition, Compile(expr));
    to_next.push_back(Emit(Code::kJumpIfNotTrue, 0, condition));
    return {};
  }

  Result<Operand> CompileCoalesce(const Expr& expr) {
    const Operand result = NewRegister();
    std::vector<size_t> to_end;
    for (const Expr& child : expr.children) {
      FUQI_ASSIGN_OR_RETURN(Operand value, Compile(child));
      Emit(Code::kMove, result.index, value);
      to_end.push_back(Emit(Code::kJumpIfNotNull, 0, result));
    }
    Land(to_end);
    return result;
  }

  Program::Impl& out_;
  std::vector<std::vector<std::vector<uint32_t>>> successors_;  // of each switch
  Position error_at_ = -1;
};

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

Result<Program> Program::Compile(const Expr& expr, Position* error_at) {
  auto impl = std::make_unique<Impl>();
  Compiler compiler(*impl);
  auto result = compiler.Compile(expr);
  if (!result) {
    if (error_at != nullptr) {
      *error_at = compiler.error_at();
    }
    return std::move(result).error();
  }
  impl->result = *result;
  impl->type = expr.type;
  impl->steps_max = compiler.StepsMax();
  return Program(std::move(impl));
}

Type Program::type() const { return impl_->type; }
int Program::steps_max() const { return impl_->steps_max; }

// One evaluation under way.
struct Program::Impl::Evaluation {
  const Impl& program;
  std::vector<Datum>& registers;
  std::array<const Datum*, 4> sources;  // by Source
  const Datum** args;                   // room for one operation's
  Machine machine;

  const Datum* Read(const Operand& operand) const {
    return sources[static_cast<uint32_t>(operand.source)] + operand.index;
  }
  const Operand* OperandsOf(const Instruction& in) const {
    return program.operands.data() + in.first;
  }

  // Does what the instruction asks, which is no kOperation; `next`, the one behind it, may change.
  void Step(const Instruction& in, size_t& next) {
    const Operand* operands = OperandsOf(in);
    switch (in.code) {
      case Instruction::Code::kOperation:
        break;
      case Instruction::Code::kCompareExact:
        registers[in.target] = CompareExact(*Read(operands[0]), *Read(operands[1]), in.operation);
        break;
      case Instruction::Code::kAndExact: {
        const Datum holds = CompareExact(*Read(operands[0]), *Read(operands[1]), in.operation);
        if (!holds.is_true()) {
          registers[in.target] = holds;
          next = holds.is_null() ? next : in.count;
        }
        break;
      }
      case Instruction::Code::kAnd:
      case Instruction::Code::kOr:
        registers[in.target] = Connect({operands, in.count}, in.code == Instruction::Code::kOr,
                                       [this](const Operand& operand) { return Read(operand); });
        break;
      case Instruction::Code::kMove:
        registers[in.target] = *Read(operands[0]);
        break;
      case Instruction::Code::kJump:
        next = in.target;
        break;
      case Instruction::Code::kJumpIfNotTrue:
        next = Read(operands[0])->is_true() ? next : in.target;
        break;
      case Instruction::Code::kJumpIfNotNull:
        next = Read(operands[0])->is_null() ? next : in.target;
        break;
      case Instruction::Code::kFind:
        registers[in.target] =
            Datum::Int(program.switches[in.operation].index.Find(*Read(operands[0])));
        break;
      case Instruction::Code::kNextBranch: {
        const Switch& one = program.switches[in.operation];
        int128& at = registers[in.target].i;
        next = one.branches[one.index.branches[static_cast<size_t>(at++)]];
        break;
      }
    }
  }

  // Calls an operation; false where it failed, as the machine says.
  bool Call(const Instruction& in) {
    const Operation& operation = program.operations[in.operation];
    const Operand* operands = OperandsOf(in);
    bool null = false;
    for (uint32_t i = 0; i < in.count; ++i) {
      args[i] = Read(operands[i]);
      null |= args[i]->is_null();
    }
    Datum& out = registers[in.target];
    if (null && operation.strict) {
      out = Datum::Null();
      return true;
    }
    return operation.kernel(operation, {args, in.count}, machine, out);
  }
};

Result<Datum> Program::Run(std::span<const Datum> columns, std::span<const Datum> windows,
                           Scratch& scratch, Position* error_at) const {
  FUQI_CHECK(columns.size() >= impl_->columns && windows.size() >= impl_->windows);
  auto& registers = scratch.impl_->registers;
  if (registers.size() < impl_->registers) {
    registers.resize(impl_->registers);
  }
  constexpr uint32_t kFew = 8;
  const Datum* few[kFew];
  std::vector<const Datum*> many(impl_->args_max > kFew ? impl_->args_max : 0);
  Impl::Evaluation evaluation{
      *impl_,
      registers,
      {registers.data(), columns.data(), windows.data(), impl_->constants.values().data()},
      many.empty() ? few : many.data(),
      Machine(scratch)};
  const std::span<const Instruction> code = impl_->code;
  for (size_t next = 0; next < code.size();) {
    const Instruction& in = code[next++];
    if (in.code != Instruction::Code::kOperation) {
      evaluation.Step(in, next);
    } else if (!evaluation.Call(in)) {
      if (error_at != nullptr) {
        *error_at = impl_->positions[in.operation];
      }
      return *std::move(evaluation.machine.error());
    }
  }
  const Datum& result = *evaluation.Read(impl_->result);
  // Only a correlation over a window brings one here.
  if (result.kind == Datum::Kind::kDouble && impl_->result.source != Source::kColumn &&
      !(result.d - result.d == 0)) {
    return Err(ErrorCode::kOutOfRange, "the result is not a finite number");
  }
  return result;
}

}  // namespace fuqi::sql
