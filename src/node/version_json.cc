#include "node/version_json.h"

#include <algorithm>

#include "base/time.h"
#include "node/json_members.h"

namespace fuqi::node {
namespace {

OrderedJson StepJson(const decide::ProposalStep& step) {
  return {{"by", step.by}, {"at", Rfc3339(step.made_us)}, {"reason", step.reason}};
}

OrderedJson ProposalJson(const LifeStatus& status, int64_t now_us) {
  const decide::ProposalStatus& newest = *status.versions.newest();
  const decide::Proposal& proposal = newest.proposal;
  const bool has_expired =
      newest.state == decide::ProposalState::kProposed && !newest.is_open(now_us);
  OrderedJson json = {
      {"hash", ToHex(proposal.hash)},
      {"record", newest.record},
      {"state", has_expired ? "expired" : ProposalStateName(newest.state)},
      {"rollback", proposal.published.has_value()},
      {"shadow", proposal.shadow},
      {"proposed",
       {{"by", proposal.by}, {"at", Rfc3339(proposal.made_us)}, {"reason", proposal.reason}}},
      {"expires", Rfc3339(proposal.expires_us)}};
  if (newest.approval) {
    json["approved"] = StepJson(*newest.approval);
  }
  if (newest.end) {
    json[std::string(ProposalStateName(newest.state))] = StepJson(*newest.end);
  }
  if (newest.publish_seq) {
    json["publish"] = *newest.publish_seq;
  }
  if (status.shadow_error) {
    json["shadow_error"] = status.shadow_error->ToString();
  }
  if (status.is_backfilling) {
    json["backfill"] = {{"events", status.folded}, {"of", status.events}};
  }
  return json;
}

bool HasTexts(const OrderedJson& json, std::initializer_list<const char*> names) {
  return std::ranges::all_of(names, [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string();
  });
}

bool HasCounts(const OrderedJson& json, std::initializer_list<const char*> names) {
  return std::ranges::all_of(names, [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_unsigned();
  });
}

using IsGood = bool (*)(const OrderedJson& json);

bool IsArrayOf(const OrderedJson& json, IsGood is_good) {
  return json.is_array() && std::ranges::all_of(json, is_good);
}

bool HasEach(const OrderedJson& json, const char* name, IsGood is_good) {
  const auto found = json.find(name);
  return found != json.end() && IsArrayOf(*found, is_good);
}

bool MayHave(const OrderedJson& json, const char* name, IsGood is_good) {
  const auto found = json.find(name);
  return found == json.end() || is_good(*found);
}

bool IsText(const OrderedJson& json) { return json.is_string(); }

bool IsStep(const OrderedJson& json) { return HasTexts(json, {"by", "at", "reason"}); }

bool IsProposal(const OrderedJson& json) {
  return HasTexts(json, {"hash", "state", "expires"}) && json.contains("proposed") &&
         MayHave(json, "proposed", IsStep) && MayHave(json, "approved", IsStep) &&
         MayHave(json, "withdrawn", IsStep) && MayHave(json, "failed", IsStep) &&
         MayHave(json, "shadow_error", IsText) &&
         MayHave(json, "backfill",
                 [](const OrderedJson& backfill) { return HasCounts(backfill, {"events", "of"}); });
}

bool AreChanges(const OrderedJson& json) {
  return IsArrayOf(json, [](const OrderedJson& change) {
    return HasTexts(change, {"part", "name"}) && MayHave(change, "before", IsText) &&
           MayHave(change, "after", IsText);
  });
}

bool IsShadow(const OrderedJson& json) {
  return HasCounts(json, {"events", "different", "failed"}) &&
         HasEach(json, "actions",
                 [](const OrderedJson& pair) {
                   return HasTexts(pair, {"decided", "shadow"}) && HasCounts(pair, {"events"});
                 }) &&
         HasEach(json, "rules",
                 [](const OrderedJson& rule) {
                   return HasTexts(rule, {"rule"}) && HasCounts(rule, {"decided", "shadow"});
                 }) &&
         HasEach(json, "newest", [](const OrderedJson& difference) {
           return HasTexts(difference, {"decision_id", "decided", "shadow"});
         });
}

}  // namespace

OrderedJson LifeJson(const LifeStatus& status, int64_t now_us) {
  const decide::Pack& pack = status.pack->pack();
  OrderedJson json = {{"pack", pack.name},
                      {"hash", ToHex(pack.hash)},
                      {"record", status.versions.published().back().seq},
                      {"versions", OrderedJson::array()}};
  for (const decide::Versions::Published& published : status.versions.published()) {
    json["versions"].push_back({{"record", published.seq}, {"hash", ToHex(published.hash)}});
  }
  if (status.versions.newest()) {
    json["proposal"] = ProposalJson(status, now_us);
  }
  return json;
}

OrderedJson ChangesJson(std::span<const decide::ChangedPart> changes) {
  OrderedJson json = OrderedJson::array();
  for (const decide::ChangedPart& change : changes) {
    OrderedJson& part =
        json.emplace_back(OrderedJson{{"part", PartName(change.kind)}, {"name", change.name}});
    if (change.before) {
      part["before"] = *change.before;
    }
    if (change.after) {
      part["after"] = *change.after;
    }
  }
  return json;
}

OrderedJson ShadowJson(const decide::ShadowReport& report, std::string_view pack) {
  const auto name = [](size_t action) {
    return decide::ActionName(static_cast<decide::Action>(action));
  };
  OrderedJson json = {{"events", report.events},       {"different", report.different},
                      {"failed", report.failed},       {"actions", OrderedJson::array()},
                      {"rules", OrderedJson::array()}, {"newest", OrderedJson::array()}};
  for (size_t decided = 0; decided < report.actions.size(); ++decided) {
    for (size_t shadow = 0; shadow < report.actions[decided].size(); ++shadow) {
      if (const uint64_t events = report.actions[decided][shadow]; events > 0) {
        json["actions"].push_back(
            {{"decided", name(decided)}, {"shadow", name(shadow)}, {"events", events}});
      }
    }
  }
  for (const auto& [rule, hits] : report.rules) {
    json["rules"].push_back({{"rule", rule}, {"decided", hits.first}, {"shadow", hits.second}});
  }
  for (const decide::ShadowReport::Difference& difference : report.newest) {
    json["newest"].push_back({{"decision_id", decide::DecisionId(pack, difference.decision_seq)},
                              {"decided", decide::ActionName(difference.decided)},
                              {"shadow", decide::ActionName(difference.shadow)},
                              {"rules", difference.rules}});
  }
  return json;
}

Result<Digest> ParseVersionHash(std::string_view text) {
  const Result<Bytes> bytes = FromHex(text);
  Digest digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return Err(ErrorCode::kInvalidArgument,
               "a pack's hash is 64 hexadecimal digits, as `fuqi pack check` prints it");
  }
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

Result<void> ParseProposing(std::string_view text, Proposing& proposing) {
  FUQI_ASSIGN_OR_RETURN(const BodyJson json, ParseBody(text));
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"files", "hash", "reason", "expires_in", "shadow"}));
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> reason, TextMember(json, "reason"));
  proposing.reason = std::move(reason).value_or("");
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> expires, TextMember(json, "expires_in"));
  if (expires) {
    const Result<Duration> duration = ParseDuration(*expires);
    if (!duration) {
      return Err(ErrorCode::kInvalidArgument, "write a duration as \"7 days\"")
          .At({.field = "expires_in"});
    }
    proposing.expires_in_us = duration->us;
  }
  if (const auto shadow = json.find("shadow"); shadow != json.end()) {
    if (!shadow->is_boolean()) {
      return Err(ErrorCode::kInvalidArgument, "true or false is needed here")
          .At({.field = "shadow"});
    }
    proposing.shadow = shadow->get<bool>();
  }
  const auto files = json.find("files");
  if (json.contains("hash") == (files != json.end())) {
    return Err(ErrorCode::kInvalidArgument,
               "a proposal names the files of a new version, or the hash of one of the log");
  }
  if (files == json.end()) {
    FUQI_ASSIGN_OR_RETURN(std::string hash, Required(TextMember(json, "hash"), "hash"));
    FUQI_ASSIGN_OR_RETURN(proposing.hash, ParseVersionHash(hash));
    return {};
  }
  if (!files->is_object()) {
    return Err(ErrorCode::kInvalidArgument, "an object is needed here").At({.field = "files"});
  }
  for (const auto& [path, content] : files->items()) {
    if (!content.is_string()) {
      return Err(ErrorCode::kInvalidArgument, "the member is no text").At({.field = path});
    }
    proposing.files.emplace_back(path, content.get<std::string>());
  }
  return {};
}

Result<std::string> ParseReason(std::string_view text) {
  FUQI_ASSIGN_OR_RETURN(const BodyJson json, ParseBody(text));
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"reason"}));
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> reason, TextMember(json, "reason"));
  return std::move(reason).value_or("");
}

bool IsLifeJson(const OrderedJson& json) {
  return HasTexts(json, {"pack", "hash"}) && HasCounts(json, {"record"}) &&
         HasEach(json, "versions",
                 [](const OrderedJson& version) {
                   return HasTexts(version, {"hash"}) && HasCounts(version, {"record"});
                 }) &&
         MayHave(json, "proposal", IsProposal) && MayHave(json, "changes", AreChanges);
}

bool IsVersionJson(const OrderedJson& json) {
  return HasTexts(json, {"hash"}) && json.contains("changes") && AreChanges(json["changes"]) &&
         MayHave(json, "shadow", IsShadow);
}

}  // namespace fuqi::node
