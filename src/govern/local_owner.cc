#include "govern/local_owner.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/utf8.h"
#include "crypto/sha256.h"
#include "table/binder.h"

namespace fuqi::govern {
namespace {

constexpr size_t kMaxWordsBytes = 1024;  // of a purpose, and of a description

// `field` names the part of the request: an error carries it.
Result<void> CheckText(const char* field, std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return Err(ErrorCode::kInvalidArgument, "a text of a permit has {} bytes; at most {} are taken",
               text.size(), max_bytes)
        .At({.field = field});
  }
  if (!IsUtf8(text)) {
    return Err(ErrorCode::kInvalidArgument, "a text of a permit is not UTF-8").At({.field = field});
  }
  return {};
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Result<void> CheckPath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(path, error);
  if (error) {
    return Err(ErrorCode::kNotFound, "the file cannot be found: {}", error.message())
        .At({.file = path});
  }
  if (canonical.string() != path) {
    return Err(ErrorCode::kInvalidArgument,
               "a permit names files by their absolute path without links; this one is {}",
               canonical.string())
        .At({.file = path});
  }
  if (!std::filesystem::is_regular_file(canonical, error)) {
    return Err(ErrorCode::kInvalidArgument, "this is no file").At({.file = path});
  }
  return {};
}

Result<void> CheckRequest(const table::Plan& plan, std::string_view purpose,
                          const table::Limits& limits) {
  if (IsBlank(purpose)) {
    return Err(ErrorCode::kInvalidArgument, "a permit needs a purpose: say why the data is read");
  }
  if (IsBlank(plan.sql)) {
    return Err(ErrorCode::kInvalidArgument, "a permit needs the SQL that it allows");
  }
  FUQI_RETURN_IF_ERROR(CheckText("purpose", purpose, kMaxWordsBytes));
  FUQI_RETURN_IF_ERROR(CheckText("description", plan.description, kMaxWordsBytes));
  FUQI_RETURN_IF_ERROR(CheckText("sql", plan.sql, table::Binder::kMaxSqlBytes));
  if (limits.memory_bytes == 0 || limits.time_ms <= 0 || limits.threads <= 0) {
    return Err(ErrorCode::kInvalidArgument,
               "a permit's memory, time and threads must be more than zero");
  }
  for (const std::string& path : plan.read_paths) {
    FUQI_RETURN_IF_ERROR(CheckPath(path));
  }
  return {};
}

void EncodePlan(const table::Plan& plan, ByteWriter& writer) {
  writer.Text(plan.sql);
  writer.Varint(plan.read_paths.size());
  for (const std::string& path : plan.read_paths) {
    writer.Text(path);
  }
}

}  // namespace

std::string CurrentUser() {
  const uid_t uid = geteuid();
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return "uid " + std::to_string(uid);
}

Digest PlanHash(const table::Plan& plan) {
  table::Plan canonical = plan;
  std::sort(canonical.read_paths.begin(), canonical.read_paths.end());
  canonical.read_paths.erase(std::unique(canonical.read_paths.begin(), canonical.read_paths.end()),
                             canonical.read_paths.end());
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Raw(AsBytes("fuqi plan 1\n"));
  EncodePlan(canonical, writer);
  return crypto::Sha256(bytes);
}

LocalOwner::LocalOwner(Clock& clock, EvidenceSink& evidence)
    : clock_(clock), evidence_(evidence), subject_(CurrentUser()) {}

Result<table::Permit> LocalOwner::Mint(table::Plan plan, std::string_view purpose,
                                       const table::Limits& limits) {
  FUQI_RETURN_IF_ERROR(CheckRequest(plan, purpose, limits));
  const int64_t now_us = clock_.NowUs();

  table::Permit permit;
  permit.plan_hash_ = PlanHash(plan);
  permit.subject_ = subject_;
  permit.purpose_ = purpose;
  permit.limits_ = limits;
  permit.expires_us_ = now_us + kPermitLifeUs;
  permit.plan_ = std::move(plan);

  Bytes core;
  ByteWriter core_writer(core);
  core_writer.Raw(permit.plan_hash_);
  core_writer.Text(permit.subject_);
  core_writer.Text(permit.purpose_);
  core_writer.Text(permit.plan_.description);
  core_writer.Fixed(now_us);
  core_writer.Fixed(permit.expires_us_);
  core_writer.Fixed(limits.memory_bytes);
  core_writer.Fixed(limits.time_ms);
  core_writer.Fixed(static_cast<int32_t>(limits.threads));
  Bytes payload;
  ByteWriter payload_writer(payload);
  EncodePlan(permit.plan_, payload_writer);
  // SECURITY: evidence first. Test: LocalOwnerTest.GivesNoPermitWithoutEvidence.
  FUQI_RETURN_IF_ERROR(
      evidence_.Write({.type = ledger::RecordType::kPermit, .core = core, .payload = payload}));
  return permit;
}

Result<PermitEvidence> ReadPermitEvidence(const ledger::Record& record) {
  if (record.type != ledger::RecordType::kPermit || record.version != 1) {
    return Err(ErrorCode::kCorrupt, "this is no record of a permit of a known version");
  }
  PermitEvidence evidence;
  ByteReader core(record.core);
  if (const ByteView hash = core.Raw(evidence.plan_hash.size()); core.ok()) {
    std::copy(hash.begin(), hash.end(), evidence.plan_hash.begin());
  }
  evidence.subject = core.Text();
  evidence.purpose = core.Text();
  evidence.description = core.Text();
  evidence.given_us = core.Fixed<int64_t>();
  evidence.expires_us = core.Fixed<int64_t>();
  evidence.limits.memory_bytes = core.Fixed<uint64_t>();
  evidence.limits.time_ms = core.Fixed<int64_t>();
  evidence.limits.threads = core.Fixed<int32_t>();
  FUQI_RETURN_IF_ERROR(core.Finish("the record of a permit"));

  ByteReader payload(record.payload);
  evidence.plan.sql = payload.Text();
  evidence.plan.description = evidence.description;
  for (uint64_t left = payload.Varint(); left > 0 && payload.ok(); --left) {
    evidence.plan.read_paths.emplace_back(payload.Text());
  }
  FUQI_RETURN_IF_ERROR(payload.Finish("the record of a permit"));
  if (PlanHash(evidence.plan) != evidence.plan_hash) {
    return Err(ErrorCode::kCorrupt, "the record of a permit holds a plan with another hash");
  }
  return evidence;
}

}  // namespace fuqi::govern
