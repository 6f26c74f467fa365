#pragma once

// Functions of our own that are short for an expression: every executor runs what they stand for.
//
//   haversine_km(latitude, longitude, latitude, longitude)
//                    kilometres between two places in degrees, on a sphere of the Earth's mean
//                    radius (6,371.0088 km): within 0.6 % of the true distance. NULL where one of
//                    the four is; an angle beyond its range counts as the one that it comes to,
//                    within a metre where that is a few turns away.

#include "base/result.h"
#include "sql/fragment.h"

namespace fuqi::sql {

// The fragment with these calls written out. kInvalidArgument: another number of arguments; errors
// as FindGivenCalls's.
Result<Fragment> WriteOutHelpers(const Fragment& fragment);

}  // namespace fuqi::sql
