#pragma once

// The edges of a graph as its vertices see them: each in time order, with counts that follow a
// frame as it moves along them.

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <compare>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decide/graph.h"

namespace fuqi::decide::internal {

struct Place {
  int64_t ts = 0;
  uint64_t arrival = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// One edge, from one of its ends.
struct Link {
  Place place;
  uint32_t other = 0;
  bool has_amount = false;
  int64_t amount = 0;
};

struct RiskMark {
  Place place;
  double risk = 0;
};

// Items by rising place. An item keeps its index while others come and go behind it or are taken
// from the front.
template <class Item>
class Timeline {
 public:
  bool empty() const { return head_ == items_.size(); }
  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + (items_.size() - head_); }
  const Item& operator[](uint64_t index) const { return items_[index - first_ + head_]; }

  // The first item that is not older than `ts`.
  uint64_t From(int64_t ts) const {
    return Search([ts](const Item& item) { return item.place.ts < ts; });
  }
  // The first item that is not before `place`.
  uint64_t At(Place place) const {
    return Search([&](const Item& item) { return item.place < place; });
  }
  // The first item after `place`.
  uint64_t After(Place place) const {
    return Search([&](const Item& item) { return item.place <= place; });
  }

  // After all items at or before its place. Later items move up by one.
  uint64_t Insert(const Item& item) {
    uint64_t at = end();
    if (!empty() && item.place < items_.back().place) {
      at = After(item.place);
      items_.insert(Iterator(at), item);
    } else {
      items_.push_back(item);
    }
    return at;
  }

  void PopFront() {
    constexpr uint32_t kSlackMin = 16;
    ++first_;
    ++head_;
    if (head_ >= kSlackMin && head_ >= items_.size() - head_) {
      items_.erase(items_.begin(), items_.begin() + head_);
      head_ = 0;
    }
  }
  // Later items move down by one.
  void Erase(uint64_t index) { items_.erase(Iterator(index)); }

 private:
  template <class Before>
  uint64_t Search(Before before) const {
    const auto begin = items_.begin() + head_;
    return first_ + (std::partition_point(begin, items_.end(), before) - begin);
  }
  auto Iterator(uint64_t index) {
    return items_.begin() + static_cast<int64_t>(index - first_ + head_);
  }

  std::vector<Item> items_;
  uint64_t first_ = 0;
  uint32_t head_ = 0;  // items before it are gone
};

// Exact sums of powers: what leaves a frame is subtracted, and nothing is left of it.
struct PowerSums {
  using Wide = boost::multiprecision::int256_t;  // 2^32 cubes of 63 bits

  uint64_t count = 0;
  int128 first = 0;
  Wide second = 0;
  Wide third = 0;

  void Add(int64_t value);
  void Subtract(int64_t value);
  // Mean less `origin`, and sample variance, in units of `unit`; sample skewness. NULL as graph.h
  // says.
  table::Datum Mean(int64_t origin, double unit) const;
  table::Datum Variance(double unit) const;
  table::Datum Skew() const;
};

enum class Counted : uint8_t { kAmount, kTime };

class GraphStore {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // What the measures need beside the edges.
  struct Needs {
    bool pairs = false;
    bool amounts = false;
    bool times = false;
    bool any() const { return pairs || amounts || times; }
  };
  explicit GraphStore(Needs needs) : needs_(needs) {}

  // ---- Vertices.

  uint32_t Find(std::string_view key) const;
  uint32_t Intern(const std::string& key);
  const std::string& key(uint32_t vertex) const { return vertices_[vertex].key; }
  uint32_t ids() const { return static_cast<uint32_t>(vertices_.size()); }  // in use or free

  // ---- Edges and marks, each later in arrival than all before.

  void AddEdge(Place place, uint32_t from, uint32_t to, bool has_amount, int64_t amount);
  void AddMark(Place place, uint32_t vertex, double risk);
  // Lets go of what is older than `horizon`, `most` edges and marks at most, in order of arrival.
  void Expire(int64_t horizon, int most);

  // ---- What a frame holds: times in [from, to].

  struct Frame {
    int64_t from = 0;
    int64_t to = 0;
  };
  struct Range {
    const Timeline<Link>* line;
    uint64_t begin;
    uint64_t end;
    uint64_t size() const { return end - begin; }
    const Link& operator[](uint64_t i) const { return (*line)[begin + i]; }
  };
  // The edges of one side, kIn or kOut, in order.
  Range Links(uint32_t vertex, Side side, Frame frame) const;
  double Risk(uint32_t vertex, Frame frame) const;

  // ---- Counts, over the frame that the vertex was last moved to.

  void Move(uint32_t vertex, Frame frame);
  uint32_t Fan(uint32_t vertex, Side side) const {
    return vertices_[vertex].sides[Index(side)].fan;
  }
  uint32_t Reciprocal(uint32_t vertex) const { return vertices_[vertex].reciprocal; }
  const PowerSums& Sums(uint32_t vertex, Side side, Counted counted) const;

  // ---- Stored form: what is not older than `horizon`.

  void Save(int64_t horizon, ByteWriter& out) const;
  // False unless it is what Save writes. `newest`: no edge or mark is later, in time or arrival.
  // `shares`: as in the shape.
  bool Restore(ByteReader& in, int64_t horizon, Place newest, bool shares);

  uint64_t vertices() const { return vertices_.size() - free_.size(); }
  uint64_t edges() const { return edges_; }
  uint64_t bytes() const;
  uint64_t steps() const { return steps_; }

  static uint64_t EdgeBytes(Needs needs);
  static uint64_t VertexBytes(Needs needs);

 private:
  struct Direction {
    Timeline<Link> line;
    // The items that are counted.
    uint64_t begin = 0;
    uint64_t end = 0;
    uint32_t fan = 0;
  };
  struct Vertex {
    std::string key;
    Direction sides[2];
    Timeline<RiskMark> marks;
    uint32_t reciprocal = 0;
    std::unique_ptr<PowerSums[]> sums;  // of each side and Counted, where needed
  };
  // How many edges of a pair are counted by each end.
  struct PairCounts {
    uint32_t by_from = 0;
    uint32_t by_to = 0;
  };
  struct Expiry {
    Place place;
    uint32_t vertex = 0;
    uint32_t to = kNone;  // of an edge
  };

  static size_t Index(Side side) { return side == Side::kOut ? 1 : 0; }
  // Only what is needed has a place.
  static size_t SumsPlaces(Needs needs) { return 2 * (size_t{needs.amounts} + needs.times); }
  size_t SumsIndex(Side side, Counted counted) const {
    return Index(side) + (counted == Counted::kTime && needs_.amounts ? 2 : 0);
  }

  void Insert(uint32_t vertex, Side side, const Link& link);
  void Remove(uint32_t vertex, Side side, Place place, uint32_t other);
  void Enter(uint32_t vertex, Side side, const Link& link);
  void Leave(uint32_t vertex, Side side, const Link& link);
  void MoveSide(uint32_t vertex, Side side, Frame frame);
  void DropIfEmpty(uint32_t vertex);
  bool RestoreEdges(ByteReader& in, int64_t horizon, Place newest, bool shares,
                    std::vector<bool>& used);
  bool RestoreMarks(ByteReader& in, int64_t horizon, Place newest, std::vector<bool>& used);

  Needs needs_;
  std::deque<Vertex> vertices_;  // does not move: the index points into it
  std::vector<uint32_t> free_;
  boost::unordered_flat_map<std::string_view, uint32_t, std::hash<std::string_view>> index_;
  boost::unordered_flat_map<uint64_t, PairCounts> pairs_;
  std::deque<Expiry> expiries_;  // by arrival
  uint64_t edges_ = 0;
  uint64_t key_bytes_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace fuqi::decide::internal
