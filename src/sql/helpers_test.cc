#include "sql/helpers.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "sql/executors_for_test.h"

namespace fuqi::sql {
namespace {

struct Place {
  double latitude;
  double longitude;
};

// By vectors to the two places: another formula than the one under test.
double Between(const Place& a, const Place& b) {
  const auto vector = [](const Place& place) {
    const long double latitude = place.latitude * std::numbers::pi_v<long double> / 180;
    const long double longitude = place.longitude * std::numbers::pi_v<long double> / 180;
    return std::array{std::cos(latitude) * std::cos(longitude),
                      std::cos(latitude) * std::sin(longitude), std::sin(latitude)};
  };
  const auto p = vector(a);
  const auto q = vector(b);
  const std::array cross = {p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2],
                            p[0] * q[1] - p[1] * q[0]};
  const long double sine = std::hypot(cross[0], cross[1], cross[2]);
  const long double cosine = p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
  return static_cast<double>(6371.0088L * std::atan2(sine, cosine));
}

std::string Call(const Place& a, const Place& b) {
  return fmt::format("haversine_km({}::DOUBLE, {}::DOUBLE, {}::DOUBLE, {}::DOUBLE)", a.latitude,
                     a.longitude, b.latitude, b.longitude);
}

// The values of expressions by the stream, which DuckDB must give too.
std::vector<Datum> Values(const std::vector<std::string>& texts) {
  std::vector<Fragment> items;
  for (const std::string& text : texts) {
    auto written = WriteOutHelpers({.name = fmt::format("f{}", items.size()), .text = text});
    EXPECT_TRUE(written.has_value()) << written.error().ToString();
    items.push_back(*std::move(written));
  }
  const Features features = Compile({items}, {});
  SeededRandom random(1);
  const std::vector<Row> events = MakeEvents(random, 1, true);
  auto stream = RunAsStream(features, events);
  EXPECT_TRUE(stream.has_value()) << stream.error().ToString();
  auto batch = RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", Arrivals::kInOrder), events);
  EXPECT_TRUE(batch.has_value()) << batch.error().ToString();
  const std::vector<Agreement> bit_for_bit(texts.size(), Agreement::kExact);
  ExpectAgreement(features, *batch, *stream, bit_for_bit);
  return {(*stream)[0].values().begin(), (*stream)[0].values().end()};
}

TEST(HaversineKm, IsTheDistanceOnTheSphere) {
  SeededRandom random(2);
  std::vector<Place> places = {{90, 0},      {-90, 0},      {0, 0},          {0, 180},
                               {0, -180},    {39.9, 116.4}, {31.2, 121.5},   {-39.9, -63.6},
                               {1e-7, 1e-7}, {0, 360},      {51.5, -0.1246}, {51.5, -0.1247}};
  for (int i = 0; i < 30; ++i) {
    places.push_back({random.Unit() * 180 - 90, random.Unit() * 360 - 180});
  }
  std::vector<std::string> texts;
  std::vector<double> wanted;
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t k = 0; k < places.size(); k += 1 + i % 5) {
      texts.push_back(Call(places[i], places[k]));
      wanted.push_back(Between(places[i], places[k]));
    }
  }
  const std::vector<Datum> values = Values(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    // Near the antipode a distance is known to some centimetres, as by any formula on the sine.
    const double slack = wanted[i] > 20'000 ? 1e-3 : 1e-9 * wanted[i] + 1e-9;
    EXPECT_NEAR(values[i].d, wanted[i], slack) << texts[i];
  }
}

// One place by several angles, and places opposite each other: h is 0 or 1 but for rounding, which
// puts it a little below or above.
TEST(HaversineKm, TakesAnglesBeyondTheirRange) {
  SeededRandom random(3);
  std::vector<std::pair<Place, Place>> pairs = {
      {{100, 0}, {80, 180}},   {{80, 180}, {100, 0}}, {{-100, 30}, {-80, 210}}, {{100, 0}, {90, 0}},
      {{450, 7}, {90, 8}},     {{0, 0}, {180, 0}},    {{0, 0}, {0, 540}},       {{270, 0}, {90, 0}},
      {{51, -159}, {309, 21}}, {{33, -179}, {327, 1}}};
  for (int i = 0; i < 40; ++i) {
    const Place place{random.Unit() * 180 - 90, random.Unit() * 360 - 180};
    const double turns = 360 * std::floor(random.Unit() * 9 - 4);
    pairs.push_back({place, {180 - place.latitude, place.longitude + 180 + turns}});  // the same
    pairs.push_back({place, {180 + place.latitude + turns, place.longitude}});        // opposite
    pairs.push_back({place, {-place.latitude, place.longitude + 180 + turns}});       // opposite
    pairs.push_back({place, {place.longitude + turns, place.latitude - turns}});
  }
  std::vector<std::string> texts;
  texts.reserve(pairs.size());
  for (const auto& [a, b] : pairs) {
    texts.push_back(Call(a, b));
  }
  const std::vector<Datum> values = Values(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_FALSE(values[i].is_null()) << texts[i];
    EXPECT_NEAR(values[i].d, Between(pairs[i].first, pairs[i].second), 1e-3) << texts[i];
  }
}

TEST(HaversineKm, TakesNumbersOfOtherTypesAndNull) {
  const std::vector<Datum> values =
      Values({"haversine_km(0, 0.00, -- a comment\n 0, 90)", "HAVERSINE_KM(0, 0, 0, NULL)",
              "haversine_km(NULL::DOUBLE, 0, 0, 0)", "1 + haversine_km(8, 9, 8, 9)"});
  EXPECT_NEAR(values[0].d, 6371.0088 * std::numbers::pi / 2, 1e-6);
  EXPECT_TRUE(values[1].is_null());
  EXPECT_TRUE(values[2].is_null());
  EXPECT_EQ(values[3].d, 1);
}

TEST(HaversineKm, ErrorsAreOfTheCall) {
  const Fragment three{.name = "f", .text = "n > 1 AND haversine_km(1, 2, 3) > 5"};
  const auto written = WriteOutHelpers(three);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(written.error().ToString(), testing::HasSubstr("here are 3"));
  EXPECT_EQ(written.error().where()->column, 11);
  const Fragment inside{.name = "f", .text = "haversine_km(1, 2, 3, haversine_km(1, 2, 3, 4))"};
  EXPECT_EQ(WriteOutHelpers(inside).error().code(), ErrorCode::kUnsupported);
  const Fragment none{.name = "f", .text = "'haversine_km(1)'"};
  EXPECT_EQ(WriteOutHelpers(none)->text, none.text);
}

}  // namespace
}  // namespace fuqi::sql
