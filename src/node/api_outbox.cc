// What the server answers about the outbox: what is owed and what was given up, and changes of it.

#include <charconv>
#include <set>

#include "node/api.h"
#include "node/api_change.h"
#include "node/outbox_json.h"

namespace fuqi::node {
namespace {

HttpResponse OutboxRefusal(const Error& error, Language language) {
  const bool is_not_owed =
      error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kAlreadyExists;
  return is_not_owed ? ProblemResponse(Explain(error, language, ProblemType::kNotOwed), language)
                     : ChangeRefusal(error, language);
}

// What a client asks of a topic.
struct Asked {
  std::string topic;
  bool dead = false;
  uint64_t after = 0;
  size_t limit = 100;
};

Result<Asked> ReadAsked(std::string_view query) {
  Asked asked;
  const bool good = ReadQuery(query, [&](std::string_view name, const std::string& text) {
    if (name == "topic") {
      asked.topic = text;
      return true;
    }
    if (name == "dead") {
      asked.dead = text == "true";
      return asked.dead || text == "false";
    }
    if (name == "limit") {
      return ReadLimit(text, asked.limit);
    }
    const char* const end = text.data() + text.size();
    const auto [read, bad] = std::from_chars(text.data(), end, asked.after);
    return name == "after" && bad == std::errc() && read == end;
  });
  if (!good || asked.topic.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "the query takes topic, which is needed, dead (true or false), after (as the page "
               "before gave it) and limit (1 to {})",
               kPageMost);
  }
  return asked;
}

}  // namespace

void Api::ChangeOutbox(const HttpRequest& request, const ServedPack& served, Reply reply) {
  decide::OutboxChange change;
  change.head = {request.caller, clock_.NowUs(), request.idempotency_key};
  if (Result<void> parsed = ParseOutboxChange(request.body, served.name, change); !parsed) {
    return reply([error = parsed.error(), language = request.language] {
      return BodyRefusal(error, language, OutboxRefusal);
    });
  }
  SubmitChange(*served.runner, std::move(change), request, OutboxRefusal, std::move(reply));
}

HttpResponse Api::GetOutbox(const ServedPack& served, const HttpRequest& request) const {
  const Result<Asked> asked = ReadAsked(request.query);
  if (!asked) {
    return OutboxRefusal(asked.error(), request.language);
  }
  decide::OutboxState::Counts counts;
  std::vector<decide::OutboxState::Item> page;
  served.runner->partition().ReadCommitted([&](const decide::Committed& committed) {
    counts = committed.outbox().Count(asked->topic);
    page = committed.outbox().Page(asked->topic, asked->dead, asked->after, asked->limit);
  });
  OrderedJson json = {{"topic", asked->topic},
                      {"owed", counts.owed},
                      {"dead", counts.dead},
                      {"messages", OrderedJson::array()}};
  for (const decide::OutboxState::Item& item : page) {
    json["messages"].push_back(OutboxJson(served.name, asked->topic, item));
  }
  if (page.size() == asked->limit) {
    json["next"] = page.back().decision_seq;
  }
  HttpResponse response;
  response.body = json.dump();
  return response;
}

std::vector<OutboxGauge> OutboxGauges(const ServedPack& served, Clock& clock) {
  const decide::Partition& partition = served.runner->partition();
  std::set<std::string> topics;
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  for (const decide::OutboxTopic& topic : version->pack->pack().outbox) {
    topics.insert(topic.name);
  }
  std::vector<OutboxGauge> gauges;
  std::vector<uint64_t> oldest;
  partition.ReadCommitted([&](const decide::Committed& committed) {
    const std::vector<std::string> owed = committed.outbox().topics();
    topics.insert(owed.begin(), owed.end());
    for (const std::string& topic : topics) {
      const decide::OutboxState::Counts counts = committed.outbox().Count(topic);
      gauges.push_back({.topic = topic, .owed = counts.owed, .dead = counts.dead});
      oldest.push_back(counts.oldest);
    }
  });
  for (size_t i = 0; i < gauges.size(); ++i) {
    if (oldest[i] != 0 && oldest[i] < partition.committed()) {
      const Result<decide::Event> event = partition.ReadEvent(oldest[i] - 1);
      const int64_t since_us = event ? event->received_us : -1;
      gauges[i].oldest_s =
          since_us < 0 ? 0 : static_cast<double>(clock.NowUs() - since_us) / 1'000'000;
    }
    for (const OutboxDelivery* delivery : served.deliveries) {
      if (delivery->target().topic == gauges[i].topic) {
        gauges[i].delivered = delivery->counters().delivered.value();
        gauges[i].failed = delivery->counters().failed.value();
      }
    }
  }
  return gauges;
}

}  // namespace fuqi::node
