#include "table/engine.h"

namespace fuqi::table {

Result<RowStream> Engine::Run(Permit&& permit, std::vector<Relation> given) {
  const Permit used = std::move(permit);
  if (clock_.NowUs() > used.expires_us()) {
    return Err(ErrorCode::kPermissionDenied, "the permit has expired: ask for a new one");
  }
  return Start(used, std::move(given));
}

}  // namespace fuqi::table
