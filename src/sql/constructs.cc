#include "sql/constructs.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "sql/expr.h"

namespace fuqi::sql {
namespace {

using table::Type;
using table::TypeId;
using Kind = Construct::Kind;

constexpr std::string_view kSumBound = "|Δ| ≤ 1e-12 · Σ|x|";
constexpr std::string_view kSumBoundZh = "|Δ| ≤ 1e-12 · Σ|x|";
constexpr std::string_view kLibmBound = "|Δ| ≤ 1e-9 relative";
constexpr std::string_view kLibmBoundZh = "相对误差 |Δ| ≤ 1e-9";
constexpr std::string_view kDivisor =
    "the divisor: a constant other than 0, nullif(y, 0), greatest(y, 1), count(*) OVER w, or made "
    "of these";
constexpr std::string_view kDivisorZh =
    "除数须为非零常量、nullif(y, 0)、greatest(y, 1)、count(*) OVER w，或由它们组成";
constexpr std::string_view kRe2 = "RE2 syntax; the pattern is a constant";
constexpr std::string_view kRe2Zh = "RE2 语法；模式须为常量";

constexpr std::string_view kOptions =
    "a constant of the letters c (case matters), i (it does not), l (literal), m n p (. is no line "
    "break), s (. is any character)";
constexpr std::string_view kOptionsZh =
    "选项为常量，由以下字母组成：c 区分大小写，i 不区分，l 按字面，m n p 时 . 不含换行，s 时 . "
    "含换行";
constexpr std::string_view kBytes =
    "bytes; the product of both lengths may be 4,194,304, beyond it the stream gives an error";
constexpr std::string_view kBytesZh = "按字节；两长度之积不得超过 4,194,304，超出时流式内核报错";
constexpr std::string_view kSpreadBound =
    "|Δ| ≤ 1e-9 relative, and mean² / variance · 1e-15; the stream sums whole numbers and DOUBLE "
    "without rounding";
constexpr std::string_view kSpreadBoundZh =
    "相对误差 |Δ| ≤ 1e-9，另加 mean² / variance · 1e-15；流式内核对整数与 DOUBLE 求和均无舍入";
constexpr std::string_view kTies =
    "of equal second arguments the earliest row; rows where one of "
    "the two is NULL do not count";
constexpr std::string_view kTiesZh = "第二个参数相等时取最早的行；任一参数为 NULL 的行不计";
constexpr std::string_view kQuantile = "which: a constant from 0 to 1; of equal ones either";
constexpr std::string_view kQuantileZh = "分位数为 0 到 1 的常量；相等的值取其一";

constexpr Agreement kExact = Agreement::kExact;
constexpr Agreement kTolerant = Agreement::kTolerant;

constexpr Construct kConstructs[] = {
    {Kind::kSyntax, "= <> < <= > >=", "!=, ==", "", "amount >= 100"},
    {Kind::kSyntax, "IS [NOT] DISTINCT FROM", "", "", "payer IS DISTINCT FROM payee"},
    {Kind::kSyntax, "AND, OR, NOT", "", "", "night AND NOT (n > 1 OR n IS NULL)", kExact,
     "both sides are evaluated", "两侧都会求值"},
    {Kind::kSyntax, "IS [NOT] NULL", "ISNULL, NOTNULL", "", "payee IS NOT NULL"},
    {Kind::kSyntax, "IS [NOT] TRUE, IS [NOT] FALSE", "", "", "night IS NOT TRUE"},
    {Kind::kSyntax, "[NOT] IN", "", "", "payee IN ('a', 'b')"},
    {Kind::kSyntax, "[NOT] BETWEEN", "", "", "amount BETWEEN 9000 AND 9999.99"},
    {Kind::kSyntax, "CASE", "if", "", "CASE WHEN n = 1 THEN 'one' ELSE 'more' END", kExact,
     "only the chosen branch is evaluated", "只求值被选中的分支"},
    {Kind::kSyntax, "COALESCE", "ifnull", "", "coalesce(n, 0)"},
    {Kind::kSyntax, "CAST", "::, TRY_CAST", "", "CAST(amount AS DOUBLE)", kExact,
     "see the table of casts", "见类型转换表"},
    {Kind::kSyntax, "nullif", "", "", "nullif(payee, '')"},

    {Kind::kOperator, "+", "add", "number, number", "amount + n"},
    {Kind::kOperator, "+", "", "number", "+amount"},
    {Kind::kOperator, "+", "add", "date, integer", "day + 1"},
    {Kind::kOperator, "+", "add", "integer, date", "1 + day"},
    {Kind::kOperator, "+", "add", "date, interval", "day + INTERVAL 1 DAY"},
    {Kind::kOperator, "+", "add", "timestamp, interval", "ts + INTERVAL 1 HOUR"},
    {Kind::kOperator, "+", "add", "interval, date", "INTERVAL 1 DAY + day"},
    {Kind::kOperator, "+", "add", "interval, timestamp", "INTERVAL 1 HOUR + ts"},
    {Kind::kOperator, "+", "add", "interval, interval", "to_days(n) + INTERVAL 1 HOUR"},
    {Kind::kOperator, "-", "subtract", "number, number", "amount - n"},
    {Kind::kOperator, "-", "", "number", "-amount"},
    {Kind::kOperator, "-", "", "interval", "-to_days(n)"},
    {Kind::kOperator, "-", "subtract", "date, integer", "day - 1"},
    {Kind::kOperator, "-", "subtract", "date, date", "day - DATE '2024-01-01'"},
    {Kind::kOperator, "-", "subtract", "date, interval", "day - INTERVAL 1 DAY"},
    {Kind::kOperator, "-", "subtract", "timestamp, interval", "ts - INTERVAL 1 HOUR"},
    {Kind::kOperator, "-", "subtract", "timestamp, timestamp",
     "ts - TIMESTAMP '2024-01-01 00:00:00'", kExact, "days and microseconds", "以天与微秒表示"},
    {Kind::kOperator, "-", "subtract", "interval, interval", "to_days(n) - INTERVAL 1 HOUR"},
    {Kind::kOperator, "*", "multiply", "number, number", "amount * n"},
    {Kind::kOperator, "*", "multiply", "interval, integer", "INTERVAL 1 HOUR * n"},
    {Kind::kOperator, "*", "multiply", "integer, interval", "n * INTERVAL 1 HOUR"},
    {Kind::kOperator, "/", "", "double, double", "amount / nullif(n, 0)", kExact, kDivisor,
     kDivisorZh},
    {Kind::kOperator, "//", "divide", "number, number", "n // 7", kExact,
     "integers: truncates; DECIMAL and DOUBLE: ordinary division; NULL where the divisor is 0",
     "整数截断；DECIMAL 与 DOUBLE 为普通除法；除数为 0 时得 NULL"},
    {Kind::kOperator, "%", "mod", "number, number", "n % 7", kExact,
     "sign of the dividend; NULL where the divisor is 0; the divisor of DOUBLE as for /",
     "符号随被除数；除数为 0 时得 NULL；DOUBLE 的除数要求同 /"},
    {Kind::kOperator, "**", "^, pow, power", "double, double", "pow(rate, 2)", kTolerant,
     kLibmBound, kLibmBoundZh},
    {Kind::kOperator, "&", "", "integer, integer", "n & 6"},
    {Kind::kOperator, "|", "", "integer, integer", "n | 6"},
    {Kind::kFunction, "xor", "", "integer, integer", "xor(n, 6)"},
    {Kind::kOperator, "||", "", "text, text", "payer || '-' || payee"},
    {Kind::kOperator, "~~", "LIKE", "text, text", "payee LIKE 'MER%'", kExact,
     "% and _ stand for code points", "% 与 _ 按码点匹配"},
    {Kind::kOperator, "!~~", "NOT LIKE", "text, text", "payee NOT LIKE 'MER%'"},
    {Kind::kOperator, "~~*", "ILIKE", "text, text", "payee ILIKE 'mer%'", kExact,
     "LIKE between the lower forms", "两侧转为小写后的 LIKE"},
    {Kind::kOperator, "!~~*", "NOT ILIKE", "text, text", "payee NOT ILIKE 'mer%'"},
    {Kind::kFunction, "like_escape", "LIKE … ESCAPE", "text, pattern, pattern",
     "payee LIKE 'A$%%' ESCAPE '$'"},
    {Kind::kFunction, "not_like_escape", "NOT LIKE … ESCAPE", "text, pattern, pattern",
     "payee NOT LIKE 'A$%%' ESCAPE '$'"},

    {Kind::kFunction, "abs", "@", "number", "abs(amount)"},
    {Kind::kFunction, "sign", "", "number", "sign(amount)"},
    {Kind::kFunction, "ceil", "ceiling", "number", "ceil(rate)"},
    {Kind::kFunction, "floor", "", "number", "floor(amount)"},
    {Kind::kFunction, "round", "", "number", "round(rate)", kExact, "half away from zero",
     "四舍五入（远离零）"},
    {Kind::kFunction, "round", "", "number, constant", "round(amount, 1)", kExact,
     "half away from zero", "四舍五入（远离零）"},
    {Kind::kFunction, "trunc", "", "number", "trunc(rate)"},
    {Kind::kFunction, "greatest", "", "any…", "greatest(amount, 1, n)", kExact,
     "NULL arguments do not count", "忽略 NULL 参数"},
    {Kind::kFunction, "least", "", "any…", "least(amount, 1, n)", kExact,
     "NULL arguments do not count", "忽略 NULL 参数"},
    {Kind::kFunction, "sqrt", "", "double", "sqrt(abs(rate))"},
    {Kind::kFunction, "cbrt", "", "double", "cbrt(rate)", kTolerant, kLibmBound, kLibmBoundZh},
    {Kind::kFunction, "exp", "", "double", "exp(rate)", kTolerant, kLibmBound, kLibmBoundZh},
    {Kind::kFunction, "ln", "", "double", "ln(greatest(rate, 1.0))", kTolerant, kLibmBound,
     kLibmBoundZh},
    {Kind::kFunction, "log2", "", "double", "log2(greatest(rate, 1.0))", kTolerant, kLibmBound,
     kLibmBoundZh},
    {Kind::kFunction, "log10", "log", "double", "log10(greatest(rate, 1.0))", kTolerant, kLibmBound,
     kLibmBoundZh},
    {Kind::kFunction, "sin", "", "double", "sin(rate)", kTolerant, kLibmBound, kLibmBoundZh},
    {Kind::kFunction, "cos", "", "double", "cos(rate)", kTolerant, kLibmBound, kLibmBoundZh},
    {Kind::kFunction, "asin", "", "double", "asin(greatest(least(rate, 1.0), -1.0))", kTolerant,
     kLibmBound, kLibmBoundZh},
    {Kind::kFunction, "radians", "", "double", "radians(rate)", kTolerant, kLibmBound,
     kLibmBoundZh},
    {Kind::kFunction, "isfinite", "", "double", "isfinite(rate)"},
    {Kind::kFunction, "isinf", "", "double", "isinf(rate)"},
    {Kind::kFunction, "isnan", "", "double", "isnan(rate)"},

    {Kind::kFunction, "length", "len, char_length, character_length", "text", "length(payee)",
     kExact, "code points", "码点数"},
    {Kind::kFunction, "strlen", "", "text", "strlen(payee)", kExact, "bytes", "字节数"},
    {Kind::kFunction, "lower", "lcase", "text", "lower(payee)"},
    {Kind::kFunction, "upper", "ucase", "text", "upper(payee)"},
    {Kind::kFunction, "strip_accents", "", "text", "strip_accents(payee)"},
    {Kind::kFunction, "trim", "", "text", "trim(payee)", kExact, "spaces", "去除空格"},
    {Kind::kFunction, "trim", "", "text, text", "trim(payee, '0')", kExact,
     "any of these characters", "去除所列字符"},
    {Kind::kFunction, "ltrim", "", "text", "ltrim(payee)", kExact, "spaces", "去除空格"},
    {Kind::kFunction, "ltrim", "", "text, text", "ltrim(payee, '0')", kExact,
     "any of these characters", "去除所列字符"},
    {Kind::kFunction, "rtrim", "", "text", "rtrim(payee)", kExact, "spaces", "去除空格"},
    {Kind::kFunction, "rtrim", "", "text, text", "rtrim(payee, '0')", kExact,
     "any of these characters", "去除所列字符"},
    {Kind::kFunction, "substring", "substr", "text, integer", "substring(payee, 2)"},
    {Kind::kFunction, "substring", "substr", "text, integer, integer", "substring(payee, 1, 3)"},
    {Kind::kFunction, "left", "", "text, integer", "left(payee, 2)"},
    {Kind::kFunction, "right", "", "text, integer", "right(payee, 2)"},
    {Kind::kFunction, "replace", "", "text, text, text", "replace(payee, '-', '')"},
    {Kind::kFunction, "concat", "", "text…", "concat(payer, '-', n)", kExact,
     "NULL arguments do not count", "忽略 NULL 参数"},
    {Kind::kFunction, "starts_with", "^@", "text, text", "starts_with(payee, 'M')"},
    {Kind::kFunction, "prefix", "", "text, text", "prefix(payee, 'M')"},
    {Kind::kFunction, "suffix", "ends_with", "text, text", "suffix(payee, '0')"},
    {Kind::kFunction, "contains", "", "text, text", "contains(payee, 'ER')"},
    {Kind::kFunction, "instr", "strpos, position", "text, text", "instr(payee, 'ER')"},
    {Kind::kFunction, "regexp_matches", "", "text, pattern", "regexp_matches(payee, '^M[0-9]+')",
     kExact, kRe2, kRe2Zh},
    {Kind::kFunction, "regexp_matches", "", "text, pattern, pattern",
     "regexp_matches(payee, '^m[0-9]+', 'i')", kExact, kOptions, kOptionsZh},
    {Kind::kFunction, "regexp_full_match", "SIMILAR TO", "text, pattern",
     "payee SIMILAR TO 'M[0-9]+'", kExact, kRe2, kRe2Zh},
    {Kind::kFunction, "regexp_full_match", "", "text, pattern, pattern",
     "regexp_full_match(payee, 'm[0-9]+', 'i')", kExact, kOptions, kOptionsZh},
    {Kind::kFunction, "levenshtein", "editdist3", "text, text", "levenshtein(payer, payee)", kExact,
     kBytes, kBytesZh},
    {Kind::kFunction, "damerau_levenshtein", "", "text, text", "damerau_levenshtein(payer, payee)",
     kExact, kBytes, kBytesZh},
    {Kind::kFunction, "jaro_similarity", "", "text, text", "jaro_similarity(payer, payee)", kExact,
     kBytes, kBytesZh},
    {Kind::kFunction, "jaro_winkler_similarity", "", "text, text",
     "jaro_winkler_similarity(payer, payee)", kExact, kBytes, kBytesZh},
    {Kind::kFunction, "hamming", "mismatches", "text, text", "hamming(right('000' || n, 3), '007')",
     kExact, "bytes; an error where one text is longer or both are empty",
     "按字节；两文本长度不同或均为空时报错"},
    {Kind::kFunction, "jaccard", "", "text, text", "jaccard('MER', 'M' || payee)", kExact,
     "sets of bytes; an error where a text is empty", "字节的集合；文本为空时报错"},

    {Kind::kFunction, "date_trunc", "datetrunc", "unit, date", "date_trunc('month', day)"},
    {Kind::kFunction, "date_trunc", "datetrunc", "unit, timestamp", "date_trunc('hour', ts)"},
    {Kind::kFunction, "date_part", "datepart, extract", "unit, date", "extract(dow FROM day)"},
    {Kind::kFunction, "date_part", "datepart, extract", "unit, timestamp", "date_part('hour', ts)"},
    {Kind::kFunction, "date_diff", "datediff", "unit, date, date",
     "date_diff('day', DATE '2024-01-01', day)", kExact,
     "boundaries crossed; weeks: sevens of days", "跨越的边界数；周按七天计"},
    {Kind::kFunction, "date_diff", "datediff", "unit, timestamp, timestamp",
     "date_diff('second', TIMESTAMP '2024-01-01 00:00:00', ts)", kExact,
     "boundaries crossed; weeks: sevens of days", "跨越的边界数；周按七天计"},
    {Kind::kFunction, "timezone", "AT TIME ZONE … AT TIME ZONE", "zone, zone, timestamp",
     "ts AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai'", kExact,
     "the time of clocks in the first zone as clocks in the second tell it; constants; of a time "
     "that came twice the later; an error beyond the years that the system's zone data knows",
     "把前一时区的钟面时间换算为后一时区的钟面时间；时区为常量；出现两次的时间取后者；超出系统时区"
     "数据的年份时报错"},
    {Kind::kFunction, "century", "", "date", "century(day)"},
    {Kind::kFunction, "century", "", "timestamp", "century(ts)"},
    {Kind::kFunction, "decade", "", "date", "decade(day)"},
    {Kind::kFunction, "decade", "", "timestamp", "decade(ts)"},
    {Kind::kFunction, "millennium", "", "date", "millennium(day)"},
    {Kind::kFunction, "millennium", "", "timestamp", "millennium(ts)"},
    {Kind::kFunction, "era", "", "date", "era(day)"},
    {Kind::kFunction, "era", "", "timestamp", "era(ts)"},
    {Kind::kFunction, "year", "", "date", "year(day)"},
    {Kind::kFunction, "year", "", "timestamp", "year(ts)"},
    {Kind::kFunction, "isoyear", "", "date", "isoyear(day)"},
    {Kind::kFunction, "isoyear", "", "timestamp", "isoyear(ts)"},
    {Kind::kFunction, "quarter", "", "date", "quarter(day)"},
    {Kind::kFunction, "quarter", "", "timestamp", "quarter(ts)"},
    {Kind::kFunction, "month", "", "date", "month(day)"},
    {Kind::kFunction, "month", "", "timestamp", "month(ts)"},
    {Kind::kFunction, "week", "weekofyear", "date", "week(day)", kExact, "ISO 8601", "ISO 8601"},
    {Kind::kFunction, "week", "weekofyear", "timestamp", "week(ts)", kExact, "ISO 8601",
     "ISO 8601"},
    {Kind::kFunction, "yearweek", "", "date", "yearweek(day)", kExact, "ISO 8601", "ISO 8601"},
    {Kind::kFunction, "yearweek", "", "timestamp", "yearweek(ts)", kExact, "ISO 8601", "ISO 8601"},
    {Kind::kFunction, "day", "dayofmonth", "date", "day(day)"},
    {Kind::kFunction, "day", "dayofmonth", "timestamp", "day(ts)"},
    {Kind::kFunction, "dayofweek", "weekday", "date", "dayofweek(day)", kExact, "Sunday is 0",
     "星期日为 0"},
    {Kind::kFunction, "dayofweek", "weekday", "timestamp", "dayofweek(ts)", kExact, "Sunday is 0",
     "星期日为 0"},
    {Kind::kFunction, "isodow", "", "date", "isodow(day)", kExact, "Monday is 1, Sunday 7",
     "星期一为 1，星期日为 7"},
    {Kind::kFunction, "isodow", "", "timestamp", "isodow(ts)", kExact, "Monday is 1, Sunday 7",
     "星期一为 1，星期日为 7"},
    {Kind::kFunction, "dayofyear", "", "date", "dayofyear(day)"},
    {Kind::kFunction, "dayofyear", "", "timestamp", "dayofyear(ts)"},
    {Kind::kFunction, "dayname", "", "date", "dayname(day)", kExact, "English", "英文"},
    {Kind::kFunction, "dayname", "", "timestamp", "dayname(ts)", kExact, "English", "英文"},
    {Kind::kFunction, "monthname", "", "date", "monthname(day)", kExact, "English", "英文"},
    {Kind::kFunction, "monthname", "", "timestamp", "monthname(ts)", kExact, "English", "英文"},
    {Kind::kFunction, "last_day", "", "date", "last_day(day)"},
    {Kind::kFunction, "last_day", "", "timestamp", "last_day(ts)"},
    {Kind::kFunction, "epoch", "", "date", "epoch(day)", kExact, "seconds, DOUBLE", "秒，DOUBLE"},
    {Kind::kFunction, "epoch", "", "timestamp", "epoch(ts)", kExact, "seconds, DOUBLE",
     "秒，DOUBLE"},
    {Kind::kFunction, "hour", "", "timestamp", "hour(ts)"},
    {Kind::kFunction, "minute", "", "timestamp", "minute(ts)"},
    {Kind::kFunction, "second", "", "timestamp", "second(ts)"},
    {Kind::kFunction, "millisecond", "", "timestamp", "millisecond(ts)"},
    {Kind::kFunction, "microsecond", "", "timestamp", "microsecond(ts)"},
    {Kind::kFunction, "epoch_ms", "", "timestamp", "epoch_ms(ts)"},
    {Kind::kFunction, "epoch_us", "", "timestamp", "epoch_us(ts)"},
    {Kind::kFunction, "to_centuries", "", "integer", "ts - to_centuries(n)"},
    {Kind::kFunction, "to_decades", "", "integer", "ts - to_decades(n)"},
    {Kind::kFunction, "to_years", "", "integer", "ts - to_years(n)"},
    {Kind::kFunction, "to_quarters", "", "integer", "ts - to_quarters(n)"},
    {Kind::kFunction, "to_months", "", "integer", "ts - to_months(n)"},
    {Kind::kFunction, "to_weeks", "", "integer", "ts - to_weeks(n)"},
    {Kind::kFunction, "to_days", "", "integer", "ts - to_days(n)"},
    {Kind::kFunction, "to_hours", "", "integer", "ts - to_hours(n)"},
    {Kind::kFunction, "to_minutes", "", "integer", "ts - to_minutes(n)"},
    {Kind::kFunction, "to_microseconds", "", "integer", "ts - to_microseconds(n)"},

    {Kind::kWindow, "count_star", "count(*)", "", "count(*) OVER w"},
    {Kind::kWindow, "count", "", "any", "count(payee) OVER w", kExact,
     "DISTINCT and FILTER (WHERE …) allowed", "可用 DISTINCT 与 FILTER (WHERE …)"},
    {Kind::kWindow, "sum", "", "integer", "sum(n) FILTER (WHERE night) OVER w", kExact,
     "FILTER (WHERE …) allowed", "可用 FILTER (WHERE …)"},
    {Kind::kWindow, "sum", "", "decimal", "sum(amount) OVER w"},
    {Kind::kWindow, "sum", "", "double", "sum(rate) OVER w", kTolerant, kSumBound, kSumBoundZh},
    {Kind::kWindow, "avg", "mean", "integer", "avg(n) OVER w"},
    {Kind::kWindow, "avg", "mean", "decimal", "avg(amount) OVER w"},
    {Kind::kWindow, "avg", "mean", "double", "avg(rate) OVER w", kTolerant, kSumBound, kSumBoundZh},
    {Kind::kWindow, "var_samp", "variance", "double", "var_samp(amount) OVER w", kTolerant,
     kSpreadBound, kSpreadBoundZh},
    {Kind::kWindow, "var_pop", "", "double", "var_pop(amount) OVER w", kTolerant, kSpreadBound,
     kSpreadBoundZh},
    {Kind::kWindow, "stddev_samp", "stddev", "double", "stddev_samp(amount) OVER w", kTolerant,
     kSpreadBound, kSpreadBoundZh},
    {Kind::kWindow, "stddev_pop", "", "double", "stddev_pop(rate) OVER w", kTolerant, kSpreadBound,
     kSpreadBoundZh},
    {Kind::kWindow, "corr", "", "double, double",
     "CASE WHEN isnan(corr(amount, n) OVER w) THEN NULL ELSE corr(amount, n) OVER w END", kTolerant,
     "|Δ| ≤ 1e-9 and mean / deviation · 1e-15; NaN where one of the two does not vary: ask isnan "
     "first",
     "|Δ| ≤ 1e-9，另加 mean / deviation · 1e-15；任一参数不变化时为 NaN，须先用 isnan 判断"},
    {Kind::kWindow, "bool_and", "", "boolean", "bool_and(night) OVER w"},
    {Kind::kWindow, "bool_or", "", "boolean", "bool_or(night) OVER w"},
    {Kind::kWindow, "quantile_disc", "", "number", "quantile_disc(amount, 0.9) OVER w", kExact,
     kQuantile, kQuantileZh},
    {Kind::kWindow, "quantile_disc", "", "date", "quantile_disc(day, 0.5) OVER w", kExact,
     kQuantile, kQuantileZh},
    {Kind::kWindow, "quantile_disc", "", "timestamp", "quantile_disc(ts, 0.5) OVER w", kExact,
     kQuantile, kQuantileZh},
    {Kind::kWindow, "string_agg", "group_concat, listagg", "text",
     "string_agg(DISTINCT payee, ',' ORDER BY payee) OVER w", kExact,
     "DISTINCT and ORDER BY the text itself; more than 65,536 bytes are an error in the stream",
     "须写 DISTINCT 并按文本自身 ORDER BY；超过 65,536 字节时流式内核报错"},
    {Kind::kWindow, "arg_max", "argmax, max_by", "any, any", "arg_max(payee, amount) OVER w",
     kExact, kTies, kTiesZh},
    {Kind::kWindow, "arg_min", "argmin, min_by", "any, any", "arg_min(payee, ts) OVER w", kExact,
     kTies, kTiesZh},
    {Kind::kWindow, "min", "", "any", "min(amount) OVER w"},
    {Kind::kWindow, "max", "", "any", "max(ts) OVER w"},
    {Kind::kWindow, "first", "first_value", "any", "first(payee) OVER w"},
    {Kind::kWindow, "last", "last_value", "any", "last(payee) OVER w"},
    {Kind::kWindow, "lag", "", "any", "lag(ts) OVER w", kExact,
     "the row before in the partition, whatever the frame; a second argument says how many rows "
     "back, a third what stands for a row that is not there, both constant",
     "分区内的前一行，与窗口范围无关；第二个参数为回看行数，第三个参数为缺行时的值，二者须为常量"},
};

// Constant texts that name a part of a date, as date_trunc, date_part and date_diff take them.
constexpr std::array<std::string_view, 14> kUnits = {
    "year", "quarter", "month", "week",   "day",    "dow",         "isodow",
    "doy",  "isoyear", "hour",  "minute", "second", "millisecond", "microsecond"};

// Another value on each call, day or connection.
constexpr std::array<std::string_view, 34> kVolatile = {"age",
                                                        "current_catalog",
                                                        "current_connection_id",
                                                        "current_database",
                                                        "current_date",
                                                        "current_localtime",
                                                        "current_localtimestamp",
                                                        "current_query",
                                                        "current_query_id",
                                                        "current_role",
                                                        "current_schema",
                                                        "current_schemas",
                                                        "current_setting",
                                                        "current_time",
                                                        "current_timestamp",
                                                        "current_transaction_id",
                                                        "current_user",
                                                        "currval",
                                                        "gen_random_uuid",
                                                        "get_current_time",
                                                        "get_current_timestamp",
                                                        "getenv",
                                                        "getvariable",
                                                        "localtime",
                                                        "localtimestamp",
                                                        "nextval",
                                                        "now",
                                                        "random",
                                                        "session_user",
                                                        "setseed",
                                                        "today",
                                                        "transaction_timestamp",
                                                        "user",
                                                        "uuid"};

// INTERVAL 1 SECOND and its like, which are constants by the time anything runs.
constexpr std::array<std::string_view, 3> kIntervals = {"to_seconds", "to_milliseconds",
                                                        "to_millennia"};

// Whether `list`, comma-separated, holds the word.
bool Lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(", "), list.size());
    if (table::SameName(list.substr(0, comma), word)) {
      return true;
    }
    list.remove_prefix(std::min(comma + 2, list.size()));
  }
  return false;
}

bool IsNamed(const Construct& construct, std::string_view name) {
  return table::SameName(construct.name, name) || Lists(construct.aliases, name);
}

bool IsKind(std::string_view kind, const Expr& expr) {
  const Type type = expr.type;
  const bool text =
      expr.kind == Expr::Kind::kConstant && expr.constant[0].kind == table::Datum::Kind::kText;
  if (type.id == TypeId::kNull) {
    return false;  // DuckDB gives NULL a type wherever a function needs one
  }
  if (kind == "unit") {
    return text && std::find(kUnits.begin(), kUnits.end(), expr.constant[0].text()) != kUnits.end();
  }
  return kind == "any" || (kind == "pattern" && text) ||
         (kind == "constant" && type.is_integer() && expr.kind == Expr::Kind::kConstant &&
          !expr.constant[0].is_null()) ||
         (kind == "number" && (type.is_exact_number() || type.id == TypeId::kDouble)) ||
         (kind == "integer" && type.is_integer()) ||
         (kind == "decimal" && type.id == TypeId::kDecimal) ||
         (kind == "double" && type.id == TypeId::kDouble) ||
         (kind == "text" && type.id == TypeId::kVarchar) || (kind == "zone" && text) ||
         (kind == "boolean" && type.id == TypeId::kBoolean) ||
         (kind == "date" && type.id == TypeId::kDate) ||
         (kind == "timestamp" && type.id == TypeId::kTimestamp) ||
         (kind == "interval" && type.id == TypeId::kInterval);
}

constexpr std::string_view kMore = "…";

bool Fits(std::string_view args, std::span<const Expr> exprs) {
  size_t i = 0;
  while (!args.empty()) {
    const size_t comma = std::min(args.find(", "), args.size());
    std::string_view kind = args.substr(0, comma);
    const bool more = kind.ends_with(kMore);
    if (more) {
      kind.remove_suffix(kMore.size());
    }
    if (i == exprs.size()) {
      return false;
    }
    do {
      if (!IsKind(kind, exprs[i++])) {
        return false;
      }
    } while (more && i < exprs.size());
    args.remove_prefix(std::min(comma + 2, args.size()));
  }
  return i == exprs.size();
}

}  // namespace

std::span<const Construct> Constructs() { return kConstructs; }
std::span<const std::string_view> DateUnits() { return kUnits; }

const table::Schema& ExampleSchema() {
  static const table::Schema kSchema = {{"txn_id", {TypeId::kBigInt}, false},
                                        {"payer", {TypeId::kVarchar}},
                                        {"payee", {TypeId::kVarchar}},
                                        {"amount", table::Decimal(18, 2)},
                                        {"ts", {TypeId::kTimestamp}, false},
                                        {"day", {TypeId::kDate}},
                                        {"n", {TypeId::kInteger}},
                                        {"rate", {TypeId::kDouble}},
                                        {"night", {TypeId::kBoolean}}};
  return kSchema;
}

std::string CanonicalName(std::string_view name) {
  for (const Construct& construct : kConstructs) {
    if (construct.kind != Kind::kSyntax && IsNamed(construct, name)) {
      return std::string(construct.name);
    }
  }
  return std::string(name);
}

bool IsScalar(std::string_view name) {
  return table::SameName(name, "nullif") ||
         std::find(kIntervals.begin(), kIntervals.end(), name) != kIntervals.end() ||
         std::any_of(std::begin(kConstructs), std::end(kConstructs), [&](const Construct& c) {
           return (c.kind == Kind::kOperator || c.kind == Kind::kFunction) && IsNamed(c, name);
         });
}

bool IsWindow(std::string_view name) {
  return std::any_of(std::begin(kConstructs), std::end(kConstructs), [&](const Construct& c) {
    return c.kind == Kind::kWindow && IsNamed(c, name);
  });
}

bool IsVolatile(std::string_view name) {
  return std::any_of(kVolatile.begin(), kVolatile.end(),
                     [&](std::string_view known) { return table::SameName(known, name); });
}

const Construct* FindCall(Construct::Kind kind, std::string_view name, std::span<const Expr> args) {
  for (const Construct& construct : kConstructs) {
    if (construct.kind == kind && construct.name == name && Fits(construct.args, args)) {
      return &construct;
    }
  }
  return nullptr;
}

bool IsCast(Type from, Type to) {
  const auto number = [](Type type) {
    return type.is_exact_number() || type.id == TypeId::kDouble || type.id == TypeId::kBoolean;
  };
  const auto time = [](Type type) {
    return type.id == TypeId::kDate || type.id == TypeId::kTimestamp;
  };
  const auto text = [](Type type) { return type.id == TypeId::kVarchar; };
  return from.id == TypeId::kNull || (number(from) && number(to)) || (time(from) && time(to)) ||
         (text(from) && (number(to) || time(to))) || (text(to) && (number(from) || time(from)));
}

}  // namespace fuqi::sql
