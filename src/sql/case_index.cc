#include <algorithm>
#include <set>

#include "sql/case_index_internal.h"
#include "sql/functions.h"

namespace fuqi::sql::internal {
namespace {

using Kind = Expr::Kind;

// The bound of all lists of one index.
constexpr size_t kEntriesMax = size_t{1} << 20;

bool IsColumn(const Expr& expr, int column) {
  return expr.kind == Kind::kColumn && (column < 0 || expr.column == column);
}

bool IsValue(const Expr& expr) {
  return expr.kind == Kind::kConstant && expr.constant.size() == 1 && !expr.constant[0].is_null();
}

// Whether no value of the columns makes its evaluation fail.
bool NeverFails(const Expr& expr) {
  switch (expr.kind) {
    case Kind::kColumn:
    case Kind::kConstant:
      return true;
    case Kind::kCompare:
    case Kind::kAnd:
    case Kind::kOr:
    case Kind::kNot:
    case Kind::kIsNull:
    case Kind::kIsNotNull:
    case Kind::kIn:
    case Kind::kNotIn:
      return std::ranges::all_of(expr.children, NeverFails);
    default:
      return false;
  }
}

// The conditions that must all be true, as far as those before them cannot fail.
void Conjuncts(const Expr& expr, std::vector<const Expr*>& out, bool& open) {
  if (!open) {
    return;
  }
  if (expr.kind == Kind::kAnd) {
    for (const Expr& child : expr.children) {
      Conjuncts(child, out, open);
    }
    return;
  }
  out.push_back(&expr);
  open = NeverFails(expr);
}

std::vector<const Expr*> Conjuncts(const Expr& expr) {
  std::vector<const Expr*> out;
  bool open = true;
  Conjuncts(expr, out, open);
  return out;  // where one may fail it is among them, and those behind it are not
}

// The column that `expr` alone tests, -1 if there is none.
int TestedColumn(const Expr& expr) {
  switch (expr.kind) {
    case Kind::kCompare:
      for (int side : {0, 1}) {
        if (IsColumn(expr.children[side], -1) && IsValue(expr.children[1 - side])) {
          return expr.children[side].column;
        }
      }
      return -1;
    case Kind::kIn:
      return IsColumn(expr.children[0], -1) &&
                     std::all_of(expr.children.begin() + 1, expr.children.end(), IsValue)
                 ? expr.children[0].column
                 : -1;
    case Kind::kIsNull:
      return IsColumn(expr.children[0], -1) ? expr.children[0].column : -1;
    case Kind::kAnd:
    case Kind::kOr: {
      const int column = TestedColumn(expr.children[0]);
      const bool all = std::ranges::all_of(
          expr.children, [&](const Expr& child) { return TestedColumn(child) == column; });
      return all ? column : -1;
    }
    default:
      return -1;
  }
}

// Whether segments tell of the test, one of TestedColumn's, for which values it is true, and not
// only for which it is not.
bool IsExact(const Expr& test) {
  switch (test.kind) {
    case Kind::kCompare:
      return test.name != "<>" && test.name != "IS DISTINCT FROM";
    case Kind::kAnd:
    case Kind::kOr:
      return std::ranges::all_of(test.children, IsExact);
    default:
      return true;
  }
}

void CollectPoints(const Expr& expr, std::vector<Datum>& points) {
  if (IsValue(expr)) {
    points.push_back(expr.constant[0]);
  }
  for (const Expr& child : expr.children) {
    CollectPoints(child, points);
  }
}

// Of n points: segment 2i is the gap before point i, 2i+1 the point, 2n the last gap, 2n+1 NULL.
using Segments = std::vector<bool>;

class Segmenter {
 public:
  explicit Segmenter(std::span<const Datum> points)
      : points_(points), size_(2 * points.size() + 2) {}

  size_t size() const { return size_; }

  // Where the test, one of TestedColumn's, is true.
  Segments Where(const Expr& test) const {
    Segments in(size_, false);
    switch (test.kind) {
      case Kind::kCompare:
        Compare(test, in);
        break;
      case Kind::kIn:
        for (size_t i = 1; i < test.children.size(); ++i) {
          in[Point(test.children[i].constant[0])] = true;
        }
        break;
      case Kind::kIsNull:
        in[size_ - 1] = true;
        break;
      default:
        in = Where(test.children[0]);
        for (size_t i = 1; i < test.children.size(); ++i) {
          const Segments other = Where(test.children[i]);
          for (size_t s = 0; s < size_; ++s) {
            in[s] = test.kind == Kind::kAnd ? in[s] && other[s] : in[s] || other[s];
          }
        }
    }
    return in;
  }

 private:
  size_t Point(const Datum& value) const {
    const auto found = std::ranges::lower_bound(
        points_, value, [](const Datum& a, const Datum& b) { return sql::Compare(a, b) < 0; });
    return 2 * static_cast<size_t>(found - points_.begin()) + 1;
  }

  void Compare(const Expr& test, Segments& in) const {
    const bool flipped = !IsColumn(test.children[0], -1);
    const size_t point = Point(test.children[flipped ? 0 : 1].constant[0]);
    const std::string& name = test.name;
    const size_t null = size_ - 1;
    auto fill = [&](size_t from, size_t to) {
      std::fill(in.begin() + static_cast<std::ptrdiff_t>(from),
                in.begin() + static_cast<std::ptrdiff_t>(to), true);
    };
    if (name == "=" || name == "IS NOT DISTINCT FROM") {
      in[point] = true;
    } else if (name == (flipped ? ">" : "<")) {
      fill(0, point);
    } else if (name == (flipped ? ">=" : "<=")) {
      fill(0, point + 1);
    } else if (name == (flipped ? "<" : ">")) {
      fill(point + 1, null);
    } else if (name == (flipped ? "<=" : ">=")) {
      fill(point, null);
    } else {
      fill(0, size_);  // tells nothing, or, of IS DISTINCT FROM, next to nothing
    }
  }

  std::span<const Datum> points_;
  size_t size_;
};

// The index by one column; none where its lists would be too long.
std::optional<CaseIndex> IndexBy(int column,
                                 const std::vector<std::vector<const Expr*>>& conditions) {
  std::vector<Datum> points;
  for (const auto& conjuncts : conditions) {
    for (const Expr* test : conjuncts) {
      if (TestedColumn(*test) == column) {
        CollectPoints(*test, points);
      }
    }
  }
  auto less = [](const Datum& a, const Datum& b) { return Compare(a, b) < 0; };
  std::ranges::sort(points, less);
  points.erase(std::unique(points.begin(), points.end(),
                           [](const Datum& a, const Datum& b) { return Compare(a, b) == 0; }),
               points.end());
  const Segmenter segmenter(points);
  std::vector<std::vector<uint32_t>> lists(segmenter.size());
  size_t entries = 0;
  CaseIndex index;
  for (uint32_t branch = 0; branch < conditions.size(); ++branch) {
    Segments in(segmenter.size(), true);
    index.decided.push_back(std::ranges::all_of(conditions[branch], [&](const Expr* test) {
      return TestedColumn(*test) == column && IsExact(*test);
    }));
    for (const Expr* test : conditions[branch]) {
      if (TestedColumn(*test) == column) {
        const Segments own = segmenter.Where(*test);
        for (size_t s = 0; s < in.size(); ++s) {
          in[s] = in[s] && own[s];
        }
      }
    }
    for (size_t s = 0; s < in.size(); ++s) {
      if (in[s]) {
        lists[s].push_back(branch);
        if (++entries > kEntriesMax) {
          return std::nullopt;
        }
      }
    }
  }
  index.column = column;
  index.points = table::Row(points);
  for (const std::vector<uint32_t>& list : lists) {
    index.lists.push_back(static_cast<uint32_t>(index.branches.size()));
    index.branches.insert(index.branches.end(), list.begin(), list.end());
    index.branches.push_back(static_cast<uint32_t>(conditions.size()));
  }
  return index;
}

}  // namespace

uint32_t CaseIndex::Find(const table::Datum& value) const {
  if (value.is_null()) {
    return lists.back();
  }
  const std::span<const Datum> all = points.values();
  const auto found = std::ranges::lower_bound(
      all, value, [](const Datum& a, const Datum& b) { return Compare(a, b) < 0; });
  const bool at_point = found != all.end() && Compare(*found, value) == 0;
  return lists[2 * static_cast<size_t>(found - all.begin()) + (at_point ? 1 : 0)];
}

std::optional<CaseIndex> IndexCase(const Expr& expr) {
  std::vector<std::vector<const Expr*>> conditions;
  std::set<int> columns;
  for (size_t i = 0; i + 1 < expr.children.size(); i += 2) {
    conditions.push_back(Conjuncts(expr.children[i]));
    for (const Expr* test : conditions.back()) {
      columns.insert(TestedColumn(*test));
    }
  }
  columns.erase(-1);
  if (conditions.size() < kIndexedBranches) {
    return std::nullopt;
  }
  // The best one looks at the fewest branches, taken over all values alike.
  std::optional<CaseIndex> best;
  auto mean = [](const CaseIndex& index) {
    return static_cast<double>(index.branches.size()) / static_cast<double>(index.lists.size());
  };
  for (int column : columns) {
    std::optional<CaseIndex> index = IndexBy(column, conditions);
    if (index && (!best || mean(*index) < mean(*best))) {
      best = std::move(index);
    }
  }
  return best;
}

}  // namespace fuqi::sql::internal
