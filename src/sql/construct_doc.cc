// docs/sql.md and docs/sql.zh.md.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "sql/constructs.h"

namespace fuqi::sql {

using table::Type;
using table::TypeId;
using Kind = Construct::Kind;

namespace {

// One document's words in both languages.
struct Words {
  bool chinese;
  std::string_view operator()(std::string_view english, std::string_view other) const {
    return chinese ? other : english;
  }
};

std::string Cell(std::string_view text) {
  std::string cell;
  for (char c : text) {
    cell += c == '|' ? "\\|" : std::string(1, c);
  }
  return cell;
}

std::string Code(std::string_view text) { return text.empty() ? "" : "`" + Cell(text) + "`"; }

// The rows of these kinds under one head.
std::string Table(const Words& words, std::string_view title, std::initializer_list<Kind> kinds) {
  std::string doc =
      fmt::format("## {}\n\n| {} | {} | {} | {} | {} | {} |\n|---|---|---|---|---|---|\n", title,
                  words("name", "名称"), words("also", "别名"), words("arguments", "参数"),
                  words("example", "示例"), words("agreement", "一致性"), words("notes", "说明"));
  for (const Construct& c : Constructs()) {
    if (std::find(kinds.begin(), kinds.end(), c.kind) == kinds.end()) {
      continue;
    }
    doc += fmt::format("| {} | {} | {} | {} | {} | {} |\n", Code(c.name), Cell(c.aliases),
                       Cell(c.args), Code(c.example),
                       c.agreement == Agreement::kExact ? words("exact", "逐位一致")
                                                        : words("tolerant", "容差内一致"),
                       Cell(words(c.note, c.note_zh)));
  }
  return doc + "\n";
}

std::string Casts(const Words& words) {
  constexpr std::array<Type, 8> kTypes = {Type{TypeId::kBoolean},   Type{TypeId::kBigInt},
                                          table::Decimal(18, 2),    Type{TypeId::kDouble},
                                          Type{TypeId::kVarchar},   Type{TypeId::kDate},
                                          Type{TypeId::kTimestamp}, Type{TypeId::kInterval}};
  const auto name = [&](Type type) {
    return type.id == TypeId::kBigInt    ? std::string(words("integers", "整数"))
           : type.id == TypeId::kDecimal ? std::string("DECIMAL")
                                         : type.ToString();
  };
  std::string head = fmt::format("| {} |", words("from \\ to", "从 \\ 到"));
  std::string rule = "|---|";
  std::string rows;
  for (Type from : kTypes) {
    head += fmt::format(" {} |", name(from));
    rule += "---|";
    rows += fmt::format("| {} |", name(from));
    for (Type to : kTypes) {
      const bool same =
          from.id == to.id && from.id != TypeId::kBigInt && from.id != TypeId::kDecimal;
      rows += same || IsCast(from, to) ? " ✓ |" : " |";
    }
    rows += "\n";
  }
  return fmt::format("## {}\n\n{}\n{}\n{}\n", words("Casts", "类型转换"), head, rule, rows);
}

std::string Units() {
  std::string units;
  for (std::string_view unit : DateUnits()) {
    units += (units.empty() ? "`'" : ", `'") + std::string(unit) + "'`";
  }
  return units;
}

std::string Introduction(const Words& words) {
  std::string doc;
  doc += words(
      "# The SQL of fragments\n\n"
      "Printed from `src/sql/constructs.cc` by `sql_doc`; a test holds the two together.\n\n"
      "A feature or a rule is one scalar expression in DuckDB's dialect. Two executors run it: "
      "DuckDB "
      "in batch and the streaming core, one event at a time. Both run everything listed here and "
      "nothing else: what is not listed is refused by name and position. *Exact*: equal to the bit "
      "in "
      "every executor. *Tolerant*: DOUBLE within the stated bound.\n\n",
      "# 表达式的 SQL\n\n"
      "本文由 `sql_doc` 从 `src/sql/constructs.cc` 生成，并有测试保证二者一致。\n\n"
      "特征与规则都是 DuckDB 方言的标量表达式，由两个执行器运行：批式的 "
      "DuckDB，以及逐事件"
      "运行的流式内核。此处列出的构造二者全部支持；未列出者一律按名称与位置拒绝。*逐位一致*"
      "：各执行"
      "器结果逐位相同；*容差内一致*：DOUBLE 在所述界限内一致。\n\n");
  doc += words(
      "## Rules of the house\n\n"
      "- No subquery, table, `*`, parameter, lambda, aggregate without `OVER`, or function whose "
      "value "
      "depends on anything but the event (`now()`, `random()`, `current_date`…).\n"
      "- A text becomes another type only where a `CAST` or a literal such as `DATE '2024-01-31'` "
      "says "
      "so.\n"
      "- A result that is infinite or NaN is an error in every executor; the stream refuses one "
      "within the expression, too, where DuckDB would go on (`rate * 1e308 * 10 > 5`). The divisor "
      "of `/`, and of `%` on DOUBLE, is one that cannot be 0.\n"
      "- Refused because they do not mean what they look like: `0xFF`, `1_000`, `X'41'`, `E'…'`, "
      "`7%-2` (write `7 % -2`), `<=>`, Unicode spaces outside quotes.\n"
      "- The types are BOOLEAN, the integers, DECIMAL, DOUBLE, VARCHAR, DATE, TIMESTAMP and "
      "INTERVAL.\n",
      "## 通则\n\n"
      "- 不得出现子查询、表、`*`、参数、lambda、无 `OVER` 的聚合，或取值不只取决于事件本身的函数"
      "（`now()`、`random()`、`current_date` 等）。\n"
      "- 文本只有在写出 `CAST`，或写成 `DATE '2024-01-31'` 这类字面量时，才会变成其他类型。\n"
      "- 结果为无穷或 NaN，在任何执行器中都是错误；中间值如此时（`rate * 1e308 * 10 > "
      "5`），流式内核"
      "也会拒绝，而 DuckDB 会继续计算。`/` 的除数以及 DOUBLE 上 `%` 的除数必须不可能为 0。\n"
      "- 因含义与外观不符而拒绝：`0xFF`、`1_000`、`X'41'`、`E'…'`、`7%-2`（请写 `7 % -2`）、`<=>`、"
      "引号外的 Unicode 空格。\n"
      "- 类型有 BOOLEAN、各种整数、DECIMAL、DOUBLE、VARCHAR、DATE、TIMESTAMP 与 INTERVAL。\n");
  return doc;
}

std::string WindowRules(const Words& words) {
  return std::string(words(
      "## Windows\n\n"
      "A window is defined under a name and used by it: `count(*) OVER payee_1d`.\n\n"
      "```\n"
      "[PARTITION BY <expressions>] ORDER BY <time column>\n"
      "[RANGE BETWEEN {UNBOUNDED | INTERVAL …} PRECEDING AND {CURRENT ROW | INTERVAL … PRECEDING}\n"
      " | ROWS BETWEEN {UNBOUNDED | n} PRECEDING AND {CURRENT ROW | n PRECEDING}]\n"
      "```\n\n"
      "Without a frame, or with `UNBOUNDED PRECEDING`, it begins at the first row. Rows of equal "
      "time are ordered by arrival, so a row sees those that arrived before it and never those "
      "after. An interval is a constant above zero, where a frame begins also of months and years "
      "(the day of the month, or its last); `n` is a number up to 1,000,000. Of a frame that holds "
      "no row a count is 0 and all else NULL. A calendar day or month is a partition: `PARTITION "
      "BY payer, date_trunc('month', ts AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai')`. `FILTER "
      "(WHERE …)` works with all but `first`, `last` and `lag`; `DISTINCT` with `count` and "
      "`string_agg`. Windows do not nest: a feature over another feature does.\n\n"
      "An event in order costs a bounded number of steps for each window, whatever the frame "
      "holds: for `quantile_disc` in proportion to the different values over 64, for `string_agg` "
      "to the different texts. A frame that begins at the first row is kept as long as the pack "
      "is, and with `quantile_disc`, `string_agg` or `DISTINCT` it grows with its different "
      "values.\n",
      "## 窗口\n\n"
      "窗口先命名后使用：`count(*) OVER payee_1d`。\n\n"
      "```\n"
      "[PARTITION BY <表达式>] ORDER BY <时间列>\n"
      "[RANGE BETWEEN {UNBOUNDED | INTERVAL …} PRECEDING AND {CURRENT ROW | INTERVAL … PRECEDING}\n"
      " | ROWS BETWEEN {UNBOUNDED | n} PRECEDING AND {CURRENT ROW | n PRECEDING}]\n"
      "```\n\n"
      "未写范围或写 `UNBOUNDED PRECEDING` "
      "时，从首行开始。时间相同的行按到达次序排列，因此一行只能看到先于它"
      "到达的行，看不到其后的行。间隔为大于零的常量，范围的起点还可用月与年（取同一日，无此日则取当"
      "月最后一日）；"
      "`n` 不超过 1,000,000。范围内无行时，计数为 0，其余为 "
      "NULL。自然日与自然月用分区表示：`PARTITION BY "
      "payer, date_trunc('month', ts AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai')`。`FILTER "
      "(WHERE "
      "…)` 可用于除 `first`、`last`、`lag` 外的所有函数；`DISTINCT` 可用于 `count` 与 "
      "`string_agg`。窗口不可嵌套；可在特征之上再建特征。\n\n"
      "按序到达的事件，每个窗口的步数有界，与范围内的行数无关：`quantile_disc` "
      "正比于不同值的个数除以 "
      "64，`string_agg` 正比于不同文本的个数。从首行开始的范围随规则包一直保留；带 "
      "`quantile_disc`、`string_agg` 或 `DISTINCT` 时，随不同值的个数增长。\n"));
}

}  // namespace

std::string SqlDoc(Language language) {
  const Words words{language == Language::kChinese};
  std::string doc = Introduction(words);
  doc += fmt::format("- {}: {}\n\n",
                     words("A unit of `date_trunc`, `date_part` and `date_diff` is one of",
                           "`date_trunc`、`date_part`、`date_diff` 的单位须为"),
                     Units());
  doc += Table(words, words("Syntax", "语法"), {Kind::kSyntax});
  doc += Table(words, words("Operators and functions", "运算符与函数"),
               {Kind::kOperator, Kind::kFunction});
  doc += Casts(words);
  doc += Table(words, words("Window functions", "窗口函数"), {Kind::kWindow});
  doc += WindowRules(words);
  return doc;
}

}  // namespace fuqi::sql
