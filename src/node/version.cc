#include "node/version.h"

namespace fuqi::node {

std::string_view Version() { return FUQI_VERSION; }

}  // namespace fuqi::node
