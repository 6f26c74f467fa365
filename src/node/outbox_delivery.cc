#include "node/outbox_delivery.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "node/as_config.h"
#include "node/decision_json.h"
#include "node/json_text.h"

namespace fuqi::node {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kRecordPause = std::chrono::seconds(1);  // until one that was refused is tried again

Result<std::vector<WebhookSecret>> LoadSecrets(const OutboxTarget& target, Disk& disk) {
  constexpr uint64_t kSecretFileBytesMax = 4096;
  std::vector<WebhookSecret> secrets;
  for (const std::string& path : target.secrets) {
    FUQI_ASSIGN_OR_RETURN(Bytes bytes, AsConfig(ReadFile(disk, path, kSecretFileBytesMax)));
    std::string_view text = AsText(bytes);
    text = text.substr(0, text.find_last_not_of(" \r\n") + 1);
    Result<WebhookSecret> secret = AsConfig(WebhookSecret::Parse(text));
    OPENSSL_cleanse(bytes.data(), bytes.size());
    if (!secret) {
      return std::move(secret).At({.file = path}).error();
    }
    secrets.push_back(*std::move(secret));
  }
  return secrets;
}

// What a target said, or a library of it, as a text that a record takes.
std::string AsReason(std::string text) {
  text.resize(std::min(text.size(), decide::kOutboxWhyBytesMax));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

int64_t OutboxPauseMs(const OutboxTarget& target, uint64_t attempts, double chance) {
  int64_t pause = target.pause_ms;
  for (uint64_t i = 1; i < attempts && pause < target.pause_max_ms; ++i) {
    pause *= 2;
  }
  pause = std::min(pause, target.pause_max_ms);
  return pause - static_cast<int64_t>(static_cast<double>(pause) / 2 * chance);
}

Result<void> CheckOutboxTarget(const OutboxTarget& target, Disk& disk) {
  FUQI_RETURN_IF_ERROR(LoadSecrets(target, disk));
  FUQI_RETURN_IF_ERROR(WebhookTls(target.webhook));
  return {};
}

// It outlives its owner until the runner has answered what it asked.
struct OutboxDelivery::Impl : std::enable_shared_from_this<OutboxDelivery::Impl> {
  using Item = decide::OutboxState::Item;

  Impl(OutboxTarget target_in, PackRunner& runner_in, Clock& clock_in,
       std::vector<WebhookSecret> secrets_in, asio::ssl::context tls_in, uint64_t seed)
      : target(std::move(target_in)),
        runner(runner_in),
        clock(clock_in),
        secrets(std::move(secrets_in)),
        tls(std::move(tls_in)),
        random(seed),
        sender(target.webhook, tls) {}

  asio::awaitable<void> Run();
  asio::awaitable<void> Deliver(const Item& item);
  Result<std::string> BodyOf(uint64_t decision_seq);
  asio::awaitable<Result<void>> Send(uint64_t decision_seq);
  // Until it is a record, or there is nothing left to say.
  asio::awaitable<void> Record(const decide::OutboxChange& change);
  asio::awaitable<std::optional<Error>> TryToRecord(const decide::OutboxChange& change);

  const OutboxTarget target;
  PackRunner& runner;
  Clock& clock;
  OutboxCounters counters;

  // All that follows belongs to the thread.
  const std::vector<WebhookSecret> secrets;
  asio::ssl::context tls;
  SeededRandom random;
  // What was tried last, and failed.
  struct {
    uint64_t record = 0;  // that made it owed: another one begins anew
    uint64_t attempts = 0;
    int64_t first_ns = 0;  // when it was tried first
    int64_t next_ns = 0;
  } tried;
  std::optional<PackView> view;  // of the version that was needed last

  asio::io_context io;  // destroyed before what its coroutines use, but for the connection
  WebhookSender sender;
  std::thread thread;
};

asio::awaitable<void> OutboxDelivery::Impl::Run() {
  asio::steady_timer timer(io);
  for (;;) {
    const std::optional<Item> next = runner.partition().NextOwed(target.topic);
    if (next && (tried.record != next->record || clock.MonotonicNs() >= tried.next_ns)) {
      co_await Deliver(*next);
      continue;
    }
    timer.expires_after(kTick);
    co_await timer.async_wait(kAwait);
  }
}

asio::awaitable<void> OutboxDelivery::Impl::Deliver(const Item& item) {
  using Op = decide::OutboxChange::Op;
  if (tried.record != item.record) {
    tried = {.record = item.record, .first_ns = clock.MonotonicNs()};
  }
  ++tried.attempts;
  const Result<void> sent = co_await Send(item.decision_seq);
  decide::OutboxChange change;
  if (sent) {
    counters.delivered.Add();
  } else {
    counters.failed.Add();
    const bool is_old = clock.MonotonicNs() - tried.first_ns >= target.give_up_ms * 1'000'000;
    const bool give_up = is_old || tried.attempts >= target.attempts;
    LogWarn("node", "a message could not be delivered",
            {{"pack", target.pack},
             {"topic", target.topic},
             {"decision", item.decision_seq},
             {"attempts", tried.attempts},
             {"given_up", give_up},
             {"error", sent.error().message()}});
    if (!give_up) {
      tried.next_ns =
          clock.MonotonicNs() + OutboxPauseMs(target, tried.attempts, random.Unit()) * 1'000'000;
      co_return;
    }
    change.why = AsReason(sent.error().message());
  }
  change.head = {"outbox", clock.NowUs(), ""};
  change.topic = target.topic;
  change.op = sent ? Op::kDelivered : Op::kGiveUp;
  change.decision_seq = item.decision_seq;
  change.attempts = tried.attempts;
  co_await Record(change);
}

Result<std::string> OutboxDelivery::Impl::BodyOf(uint64_t decision_seq) {
  const decide::Partition& partition = runner.partition();
  FUQI_ASSIGN_OR_RETURN(decide::Decision decision, partition.FindBySeq(decision_seq));
  FUQI_ASSIGN_OR_RETURN(decide::Event event, partition.ReadEvent(decision.event_seq));
  FUQI_ASSIGN_OR_RETURN(auto publish, partition.PublishedAt(decision_seq));
  if (!view || view->pack->hash != publish->hash) {
    FUQI_ASSIGN_OR_RETURN(view, PackView::Of(*publish));
  }
  const int key = table::FindColumn(publish->events, publish->key);
  return fmt::format(R"({{"type":"fuqi.decision","topic":{},"data":{}}})", JsonString(target.topic),
                     DecisionJson(*view, event.columns[static_cast<size_t>(key)], decision));
}

asio::awaitable<Result<void>> OutboxDelivery::Impl::Send(uint64_t decision_seq) {
  Result<std::string> body = BodyOf(decision_seq);
  if (!body) {
    co_return std::move(body).error();
  }
  WebhookMessage message;
  message.id = fmt::format("{}.{}", decide::DecisionId(target.pack, decision_seq), target.topic);
  message.timestamp_s = clock.NowUs() / 1'000'000;
  message.signature = WebhookSignature(secrets, message.id, message.timestamp_s, *body);
  message.body = *std::move(body);
  try {
    co_return co_await sender.Send(message);
  } catch (const std::exception& thrown) {  // no memory, or no thread for the resolver
    co_return Err(ErrorCode::kUnavailable, "the target cannot be reached: {}", thrown.what());
  }
}

asio::awaitable<void> OutboxDelivery::Impl::Record(const decide::OutboxChange& change) {
  asio::steady_timer timer(io);
  for (;;) {
    const std::optional<Error> error = co_await TryToRecord(change);
    // Not owed any more: a person dropped it meanwhile.
    if (!error || error->code() == ErrorCode::kNotFound) {
      co_return;
    }
    LogWarn("node", "what became of a message could not be recorded",
            {{"pack", target.pack},
             {"topic", target.topic},
             {"decision", change.decision_seq},
             {"error", error->message()}});
    timer.expires_after(kRecordPause);
    co_await timer.async_wait(kAwait);
  }
}

asio::awaitable<std::optional<Error>> OutboxDelivery::Impl::TryToRecord(
    const decide::OutboxChange& change) {
  const auto submit = [&](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    std::vector<Job> jobs(1);
    jobs[0].what = decide::Change(change);
    jobs[0].started_ns = clock.MonotonicNs();
    // On the runner's thread, after Stop perhaps: the loop then runs no more.
    jobs[0].done = [self = shared_from_this(), shared](const Answer& answer) {
      std::optional<Error> error;
      if (const auto* refused = std::get_if<Error>(&answer)) {
        error = *refused;
      }
      asio::post(self->io, [shared, error] {
        auto& once = *shared;
        std::move(once)(error);
      });
    };
    runner.Submit(std::move(jobs));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                          void(std::optional<Error>)>(submit, asio::use_awaitable);
}

OutboxDelivery::OutboxDelivery(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

OutboxDelivery::~OutboxDelivery() { Stop(); }

Result<std::unique_ptr<OutboxDelivery>> OutboxDelivery::Start(const OutboxTarget& target,
                                                              PackRunner& runner, Disk& disk,
                                                              Clock& clock) {
  FUQI_ASSIGN_OR_RETURN(std::vector<WebhookSecret> secrets, LoadSecrets(target, disk));
  FUQI_ASSIGN_OR_RETURN(asio::ssl::context tls, WebhookTls(target.webhook));
  uint64_t seed = 0;
  FUQI_RETURN_IF_ERROR(SecureRandom({reinterpret_cast<uint8_t*>(&seed), sizeof(seed)}));
  auto impl =
      std::make_shared<Impl>(target, runner, clock, std::move(secrets), std::move(tls), seed);
  asio::co_spawn(
      impl->io, impl->Run(), [pack = target.pack, topic = target.topic](const auto& thrown) {
        if (thrown != nullptr) {
          LogError("node", "an outbox topic is delivered no more until the node starts again",
                   {{"pack", pack}, {"topic", topic}});
        }
      });
  impl->thread = std::thread([raw = impl.get()] { raw->io.run(); });
  return std::unique_ptr<OutboxDelivery>(new OutboxDelivery(std::move(impl)));
}

void OutboxDelivery::Stop() {
  impl_->io.stop();
  if (impl_->thread.joinable()) {
    impl_->thread.join();
  }
}

const OutboxTarget& OutboxDelivery::target() const { return impl_->target; }
const OutboxCounters& OutboxDelivery::counters() const { return impl_->counters; }

}  // namespace fuqi::node
