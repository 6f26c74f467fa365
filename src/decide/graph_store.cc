#include <cmath>
#include <tuple>

#include "base/check.h"
#include "decide/graph_store_internal.h"

namespace fuqi::decide::internal {
namespace {

using boost::multiprecision::int512_t;
using table::Datum;

uint64_t PairKey(uint32_t from, uint32_t to) { return uint64_t{from} << 32 | to; }

PowerSums::Wide Square(int64_t value) { return PowerSums::Wide(int128{value} * value); }

}  // namespace

// ---- Sums.

void PowerSums::Add(int64_t value) {
  ++count;
  first += value;
  const Wide square = Square(value);
  second += square;
  third += square * value;
}

void PowerSums::Subtract(int64_t value) {
  --count;
  first -= value;
  const Wide square = Square(value);
  second -= square;
  third -= square * value;
}

Datum PowerSums::Mean(int64_t origin, double unit) const {
  if (count == 0) {
    return Datum::Null();
  }
  const int512_t sum = int512_t(first) - int512_t(origin) * count;
  return Datum::Double(static_cast<double>(sum) / static_cast<double>(count) * unit);
}

Datum PowerSums::Variance(double unit) const {
  if (count < 2) {
    return Datum::Null();
  }
  const int512_t sum = first;
  const int512_t squares = int512_t(second) * count - sum * sum;  // n² times the variance
  const auto n = static_cast<double>(count);
  return Datum::Double(static_cast<double>(squares) / n / (n - 1) * unit * unit);
}

Datum PowerSums::Skew() const {
  if (count < 3) {
    return Datum::Null();
  }
  const int512_t sum = first;
  const int512_t squares = int512_t(second) * count - sum * sum;
  if (squares == 0) {
    return Datum::Null();
  }
  const int512_t cubes =
      int512_t(third) * count * count - sum * int512_t(second) * count * 3 + sum * sum * sum * 2;
  const auto n = static_cast<double>(count);
  const double variance = static_cast<double>(squares) / n / n;
  const double moment = static_cast<double>(cubes) / n / n / n;
  return Datum::Double(moment / (variance * std::sqrt(variance)) * std::sqrt(n * (n - 1)) /
                       (n - 2));
}

// ---- Vertices.

uint32_t GraphStore::Find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? kNone : found->second;
}

uint32_t GraphStore::Intern(const std::string& key) {
  if (const uint32_t found = Find(key); found != kNone) {
    return found;
  }
  uint32_t vertex = ids();
  if (free_.empty()) {
    FUQI_CHECK(vertex < kNone);
    vertices_.emplace_back();
  } else {
    vertex = free_.back();
    free_.pop_back();
  }
  vertices_[vertex].key = key;
  key_bytes_ += key.size();
  index_.emplace(vertices_[vertex].key, vertex);
  return vertex;
}

void GraphStore::DropIfEmpty(uint32_t vertex) {
  Vertex& v = vertices_[vertex];
  if (v.sides[0].line.empty() && v.sides[1].line.empty() && v.marks.empty()) {
    index_.erase(v.key);
    key_bytes_ -= v.key.size();
    v = Vertex();
    free_.push_back(vertex);
  }
}

// ---- Edges and marks.

void GraphStore::AddEdge(Place place, uint32_t from, uint32_t to, bool has_amount, int64_t amount) {
  Insert(from, Side::kOut, {place, to, has_amount, amount});
  Insert(to, Side::kIn, {place, from, has_amount, amount});
  expiries_.push_back({place, from, to});
  ++edges_;
}

void GraphStore::AddMark(Place place, uint32_t vertex, double risk) {
  vertices_[vertex].marks.Insert({place, risk});
  expiries_.push_back({place, vertex});
}

void GraphStore::Insert(uint32_t vertex, Side side, const Link& link) {
  Direction& direction = vertices_[vertex].sides[Index(side)];
  const uint64_t at = direction.line.Insert(link);
  if (at < direction.begin) {
    ++direction.begin;
    ++direction.end;
  } else if (at < direction.end) {
    ++direction.end;
    Enter(vertex, side, link);
  }
  steps_ += direction.line.end() - at;
}

void GraphStore::Remove(uint32_t vertex, Side side, Place place, uint32_t other) {
  Direction& direction = vertices_[vertex].sides[Index(side)];
  uint64_t at = direction.line.At(place);
  while (direction.line[at].other != other) {
    ++at;
  }
  if (at >= direction.begin && at < direction.end) {
    Leave(vertex, side, direction.line[at]);
    --direction.end;
  } else if (at < direction.begin) {
    --direction.begin;
    --direction.end;
  }
  if (at == direction.line.first()) {
    direction.line.PopFront();  // which leaves the others their index
    ++direction.begin;
    ++direction.end;
  } else {
    direction.line.Erase(at);
  }
  ++steps_;
}

void GraphStore::Expire(int64_t horizon, int most) {
  for (; most > 0 && !expiries_.empty() && expiries_.front().place.ts < horizon; --most) {
    const Expiry expiry = expiries_.front();
    expiries_.pop_front();
    if (expiry.to == kNone) {
      // One that is no younger; none of a late one's elders can be seen any more, either.
      vertices_[expiry.vertex].marks.PopFront();
    } else {
      Remove(expiry.vertex, Side::kOut, expiry.place, expiry.to);
      Remove(expiry.to, Side::kIn, expiry.place, expiry.vertex);
      --edges_;
      DropIfEmpty(expiry.to);
    }
    DropIfEmpty(expiry.vertex);
  }
}

// ---- Counts.

void GraphStore::Enter(uint32_t vertex, Side side, const Link& link) {
  ++steps_;
  Vertex& v = vertices_[vertex];
  if (needs_.pairs) {
    const bool out = side == Side::kOut;
    PairCounts& counts = pairs_[out ? PairKey(vertex, link.other) : PairKey(link.other, vertex)];
    if ((out ? counts.by_from : counts.by_to)++ == 0) {
      ++v.sides[Index(side)].fan;
      const auto back =
          pairs_.find(out ? PairKey(link.other, vertex) : PairKey(vertex, link.other));
      v.reciprocal += back != pairs_.end() && (out ? back->second.by_to : back->second.by_from) > 0;
    }
  }
  if (needs_.amounts || needs_.times) {
    if (!v.sums) {
      v.sums = std::make_unique<PowerSums[]>(SumsPlaces(needs_));
    }
    if (needs_.amounts && link.has_amount) {
      v.sums[SumsIndex(side, Counted::kAmount)].Add(link.amount);
    }
    if (needs_.times) {
      v.sums[SumsIndex(side, Counted::kTime)].Add(link.place.ts);
    }
  }
}

void GraphStore::Leave(uint32_t vertex, Side side, const Link& link) {
  ++steps_;
  Vertex& v = vertices_[vertex];
  if (needs_.pairs) {
    const bool out = side == Side::kOut;
    const auto found = pairs_.find(out ? PairKey(vertex, link.other) : PairKey(link.other, vertex));
    PairCounts& counts = found->second;
    if (--(out ? counts.by_from : counts.by_to) == 0) {
      --v.sides[Index(side)].fan;
      const auto back =
          pairs_.find(out ? PairKey(link.other, vertex) : PairKey(vertex, link.other));
      v.reciprocal -= back != pairs_.end() && (out ? back->second.by_to : back->second.by_from) > 0;
      if (counts.by_from == 0 && counts.by_to == 0) {
        pairs_.erase(found);
      }
    }
  }
  if (needs_.amounts && link.has_amount) {
    v.sums[SumsIndex(side, Counted::kAmount)].Subtract(link.amount);
  }
  if (needs_.times) {
    v.sums[SumsIndex(side, Counted::kTime)].Subtract(link.place.ts);
  }
}

void GraphStore::Move(uint32_t vertex, Frame frame) {
  if (needs_.any()) {
    MoveSide(vertex, Side::kIn, frame);
    MoveSide(vertex, Side::kOut, frame);
  }
}

void GraphStore::MoveSide(uint32_t vertex, Side side, Frame frame) {
  Direction& d = vertices_[vertex].sides[Index(side)];
  while (d.end < d.line.end() && d.line[d.end].place.ts <= frame.to) {
    Enter(vertex, side, d.line[d.end++]);
  }
  while (d.begin > d.line.first() && d.line[d.begin - 1].place.ts >= frame.from) {
    Enter(vertex, side, d.line[--d.begin]);
  }
  while (d.end > d.begin && d.line[d.end - 1].place.ts > frame.to) {
    Leave(vertex, side, d.line[--d.end]);
  }
  while (d.begin < d.end && d.line[d.begin].place.ts < frame.from) {
    Leave(vertex, side, d.line[d.begin++]);
  }
}

const PowerSums& GraphStore::Sums(uint32_t vertex, Side side, Counted counted) const {
  static const PowerSums kEmpty;
  const Vertex& v = vertices_[vertex];
  return v.sums ? v.sums[SumsIndex(side, counted)] : kEmpty;
}

GraphStore::Range GraphStore::Links(uint32_t vertex, Side side, Frame frame) const {
  const Timeline<Link>& line = vertices_[vertex].sides[Index(side)].line;
  const uint64_t begin = line.From(frame.from);
  return {&line, begin, std::max(begin, line.After({frame.to, UINT64_MAX}))};
}

double GraphStore::Risk(uint32_t vertex, Frame frame) const {
  const Timeline<RiskMark>& marks = vertices_[vertex].marks;
  const uint64_t after = marks.After({frame.to, UINT64_MAX});
  return after > marks.first() && marks[after - 1].place.ts >= frame.from ? marks[after - 1].risk
                                                                          : 0;
}

// ---- Stored form.

void GraphStore::Save(int64_t horizon, ByteWriter& out) const {
  struct Edge {
    uint32_t from;
    const Link* link;
  };
  struct Mark {
    uint32_t vertex;
    const RiskMark* mark;
  };
  std::vector<Edge> edges;
  std::vector<Mark> marks;
  std::vector<bool> used(vertices_.size());
  for (uint32_t v = 0; v < ids(); ++v) {
    const Timeline<Link>& line = vertices_[v].sides[Index(Side::kOut)].line;
    for (uint64_t i = line.From(horizon); i < line.end(); ++i) {
      edges.push_back({v, &line[i]});
      used[v] = used[line[i].other] = true;
    }
    const Timeline<RiskMark>& own = vertices_[v].marks;
    for (uint64_t i = own.From(horizon); i < own.end(); ++i) {
      marks.push_back({v, &own[i]});
      used[v] = true;
    }
  }
  std::vector<uint32_t> order;
  for (uint32_t v = 0; v < ids(); ++v) {
    if (used[v]) {
      order.push_back(v);
    }
  }
  std::ranges::sort(order, {}, [&](uint32_t v) { return std::string_view(vertices_[v].key); });
  std::vector<uint32_t> number(vertices_.size());
  out.Varint(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    number[order[i]] = i;
    out.Text(vertices_[order[i]].key);
  }
  std::ranges::sort(
      edges, {}, [&](const Edge& e) { return std::tuple(e.link->place, number[e.link->other]); });
  out.Varint(edges.size());
  for (const Edge& edge : edges) {
    out.Fixed(edge.link->place.ts);
    out.Fixed(edge.link->place.arrival);
    out.Varint(number[edge.from]);
    out.Varint(number[edge.link->other]);
    out.Fixed(static_cast<uint8_t>(edge.link->has_amount));
    if (edge.link->has_amount) {
      out.Fixed(edge.link->amount);
    }
  }
  std::ranges::sort(marks, {},
                    [&](const Mark& m) { return std::tuple(m.mark->place, number[m.vertex]); });
  out.Varint(marks.size());
  for (const Mark& mark : marks) {
    out.Fixed(mark.mark->place.ts);
    out.Fixed(mark.mark->place.arrival);
    out.Varint(number[mark.vertex]);
    out.Fixed(mark.mark->risk);
  }
}

bool GraphStore::Restore(ByteReader& in, int64_t horizon, Place newest, bool shares) {
  const uint64_t count = in.Varint();
  if (count > in.remaining()) {
    return false;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view key = in.Text();
    if (!in.ok() || key.empty() || (i > 0 && key <= this->key(static_cast<uint32_t>(i) - 1))) {
      return false;
    }
    Intern(std::string(key));
  }
  std::vector<bool> used(count);
  return RestoreEdges(in, horizon, newest, shares, used) &&
         RestoreMarks(in, horizon, newest, used) && std::ranges::find(used, false) == used.end();
}

bool GraphStore::RestoreEdges(ByteReader& in, int64_t horizon, Place newest, bool shares,
                              std::vector<bool>& used) {
  const uint64_t count = in.Varint();
  if (count > in.remaining()) {
    return false;
  }
  std::tuple<Place, uint64_t> last;
  uint64_t last_from = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Place place;
    place.ts = in.Fixed<int64_t>();
    place.arrival = in.Fixed<uint64_t>();
    const uint64_t from = in.Varint();
    const uint64_t to = in.Varint();
    const auto has_amount = in.Fixed<uint8_t>();
    const int64_t amount = has_amount == 1 ? in.Fixed<int64_t>() : 0;
    if (!in.ok() || has_amount > 1 || from >= used.size() || to >= used.size() || from == to ||
        place.ts < horizon || place.ts > newest.ts || place.arrival > newest.arrival) {
      return false;
    }
    const std::tuple<Place, uint64_t> here(place, to);
    if (i > 0) {
      // Only an entity's values stand at one place.
      const bool together = std::get<Place>(last) == place;
      if (here <= last || (together && (!shares || from != last_from))) {
        return false;
      }
    }
    last = here;
    last_from = from;
    used[from] = used[to] = true;
    AddEdge(place, static_cast<uint32_t>(from), static_cast<uint32_t>(to), has_amount == 1, amount);
  }
  return in.ok();
}

bool GraphStore::RestoreMarks(ByteReader& in, int64_t horizon, Place newest,
                              std::vector<bool>& used) {
  const uint64_t count = in.Varint();
  if (count > in.remaining()) {
    return false;
  }
  std::tuple<Place, uint64_t> last;
  for (uint64_t i = 0; i < count; ++i) {
    Place place;
    place.ts = in.Fixed<int64_t>();
    place.arrival = in.Fixed<uint64_t>();
    const uint64_t vertex = in.Varint();
    const auto risk = in.Fixed<double>();
    const std::tuple<Place, uint64_t> here(place, vertex);
    if (!in.ok() || vertex >= used.size() || !std::isfinite(risk) || place.ts < horizon ||
        place.ts > newest.ts || place.arrival > newest.arrival || (i > 0 && here <= last)) {
      return false;
    }
    last = here;
    used[vertex] = true;
    AddMark(place, static_cast<uint32_t>(vertex), risk);
  }
  return in.ok();
}

// ---- Memory.

uint64_t GraphStore::EdgeBytes(Needs needs) {
  return 2 * sizeof(Link) + sizeof(Expiry) +
         (needs.pairs ? 2 * sizeof(decltype(pairs_)::value_type) : 0);
}

uint64_t GraphStore::VertexBytes(Needs needs) {
  return sizeof(Vertex) + 2 * sizeof(decltype(index_)::value_type) +
         SumsPlaces(needs) * sizeof(PowerSums);
}

uint64_t GraphStore::bytes() const {
  return vertices() * VertexBytes(needs_) + key_bytes_ + edges_ * 2 * sizeof(Link) +
         expiries_.size() * sizeof(Expiry) +
         pairs_.bucket_count() * sizeof(decltype(pairs_)::value_type);
}

}  // namespace fuqi::decide::internal
