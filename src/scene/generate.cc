#include "scene/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "base/time.h"

namespace fuqi::scene {

namespace {

constexpr std::array<std::string_view, 3> kChannels = {"transfer", "card", "payroll"};
constexpr std::array<std::string_view, kPatterns> kNames = {
    "fan_out", "fan_in",         "cycle",          "random",     "bipartite",
    "stack",   "scatter_gather", "gather_scatter", "card_fraud", "takeover"};
constexpr std::array<std::string_view, 3> kChanges = {"", "password", "phone"};
constexpr double kLoginsPerDay = 0.3;

// How one account lives. Rates are events a day.
struct Profile {
  double transfers_per_day;
  double cards_per_day;
  int64_t usual_transfer_fen;
  int64_t usual_card_fen;
  int64_t salary_fen;
  int32_t employer;
  int32_t device;
  int new_phone_day;             // from which on it has another device
  std::vector<int32_t> friends;  // whom it pays again and again
  std::vector<int32_t> shops;
};

class Generator {
 public:
  explicit Generator(const GenerateOptions& options)
      : options_(options),
        random_(options.seed),
        logins_(SeededRandom(options.seed).Fork()),
        merchants_(std::max(20, options.accounts / 20)) {
    out_.accounts = options.accounts;
  }

  Generated Run() {
    MakeProfiles();
    for (int32_t account = 0; account < options_.accounts; ++account) {
      Live(account);
      LogIn(account);
    }
    Plant();
    std::ranges::stable_sort(out_.transactions, {}, &Transaction::ts_us);
    std::ranges::stable_sort(out_.logins, {}, &Login::ts_us);
    return std::move(out_);
  }

 private:
  int32_t AnyAccount() { return static_cast<int32_t>(random_.Below(options_.accounts)); }
  int32_t AnyMerchant() {
    // Squaring makes a few merchants large and most small.
    const double u = random_.Unit();
    return options_.accounts + static_cast<int32_t>(u * u * merchants_);
  }
  // Log-normal around `median`, never below one yuan.
  int64_t Around(int64_t median, double spread) {
    const double factor = std::exp(spread * random_.Normal());
    return std::max<int64_t>(100, std::llround(static_cast<double>(median) * factor));
  }
  // A moment of a day: most in waking hours, with peaks at noon and in the evening.
  static int64_t WakingTime(SeededRandom& random) {
    const double peak = random.Chance(0.5) ? 12.5 : 19.5;
    const double hour = std::clamp(peak + 2.5 * random.Normal(), 0.0, 23.99);
    return static_cast<int64_t>(hour * 3600) * kSecondUs + random.Between(0, 999) * 1000;
  }
  // How many events a day has when `rate` are usual: a Poisson number by counting exponential gaps.
  static int Count(SeededRandom& random, double rate) {
    int count = 0;
    for (double left = std::exp(-rate), product = random.Unit(); product > left; ++count) {
      product *= random.Unit();
    }
    return count;
  }

  void MakeProfiles() {
    profiles_.resize(options_.accounts);
    for (int32_t account = 0; account < options_.accounts; ++account) {
      Profile& profile = profiles_[account];
      profile.transfers_per_day = std::min(4.0, 0.15 * std::exp(0.8 * random_.Normal()));
      profile.cards_per_day = std::min(6.0, 0.4 * std::exp(0.7 * random_.Normal()));
      profile.usual_transfer_fen = Around(25'000, 0.3);
      profile.usual_card_fen = Around(8'000, 0.6);
      profile.salary_fen = Around(90'000, 0.2);
      profile.employer = AnyMerchant();
      profile.device = account;
      profile.new_phone_day = logins_.Chance(0.03)
                                  ? static_cast<int>(logins_.Between(1, options_.days - 1))
                                  : options_.days;
      for (int i = 0, n = 2 + static_cast<int>(random_.Below(8)); i < n; ++i) {
        profile.friends.push_back(AnyAccount());
      }
      for (int i = 0, n = 3 + static_cast<int>(random_.Below(8)); i < n; ++i) {
        profile.shops.push_back(AnyMerchant());
      }
    }
  }

  int32_t DeviceOf(int32_t account, int day) const {
    const Profile& profile = profiles_[account];
    return day < profile.new_phone_day ? profile.device : 2 * options_.accounts + profile.device;
  }

  // Now and then a password is mistyped or forgotten, a telephone number changed.
  void LogIn(int32_t account) {
    for (int day = 0; day < options_.days; ++day) {
      for (int i = Count(logins_, kLoginsPerDay); i > 0; --i) {
        Login login{.ts_us = options_.start_us + day * kDayUs + WakingTime(logins_),
                    .account = account,
                    .device = DeviceOf(account, day)};
        login.succeeded = false;
        while (logins_.Chance(0.05)) {
          out_.logins.push_back(login);
          login.ts_us += logins_.Between(10, 60) * kSecondUs;
        }
        login.succeeded = true;
        if (logins_.Chance(0.006)) {
          login.changed = logins_.Chance(0.5) ? Login::Changed::kPassword : Login::Changed::kPhone;
        }
        out_.logins.push_back(login);
      }
    }
  }

  void Live(int32_t account) {
    const Profile& profile = profiles_[account];
    for (int day = 0; day < options_.days; ++day) {
      const int64_t midnight = options_.start_us + day * kDayUs;
      for (int i = Count(random_, profile.transfers_per_day); i > 0; --i) {
        const int32_t payee = random_.Chance(0.85)
                                  ? profile.friends[random_.Below(profile.friends.size())]
                                  : AnyAccount();
        Transfer(midnight + WakingTime(random_), account, payee,
                 Around(profile.usual_transfer_fen, 0.25));
      }
      for (int i = Count(random_, profile.cards_per_day); i > 0; --i) {
        const int32_t shop = random_.Chance(0.8)
                                 ? profile.shops[random_.Below(profile.shops.size())]
                                 : AnyMerchant();
        Card(midnight + WakingTime(random_), account, shop, Around(profile.usual_card_fen, 0.8),
             DeviceOf(account, day), random_.Chance(0.002), -1);
      }
      if (day % 30 == profile.employer % 30) {  // all of an employer's staff on one day
        out_.transactions.push_back({.ts_us = midnight + 9 * kHourUs,
                                     .payer = profile.employer,
                                     .payee = account,
                                     .amount_fen = profile.salary_fen,
                                     .channel = Channel::kPayroll});
      }
    }
  }

  void Transfer(int64_t ts, int32_t payer, int32_t payee, int64_t fen, int32_t planted = -1) {
    if (payer != payee) {
      out_.transactions.push_back(
          {.ts_us = ts, .payer = payer, .payee = payee, .amount_fen = fen, .planted = planted});
    }
  }
  void Card(int64_t ts, int32_t payer, int32_t shop, int64_t fen, int32_t device, bool abroad,
            int32_t planted) {
    out_.transactions.push_back({.ts_us = ts,
                                 .payer = payer,
                                 .payee = shop,
                                 .amount_fen = fen,
                                 .device = device,
                                 .planted = planted,
                                 .channel = Channel::kCard,
                                 .abroad = abroad});
  }

  // --- planted patterns ---

  // `count` accounts that no other pattern uses.
  std::vector<int32_t> Fresh(int64_t count) {
    std::vector<int32_t> accounts;
    while (std::ssize(accounts) < count) {
      const int32_t account = AnyAccount();
      if (!used_[account]) {
        used_[account] = true;
        accounts.push_back(account);
      }
    }
    return accounts;
  }
  // Every one of `from` pays some of `total`, split over `to`, within `span` from `start`.
  void Move(const std::vector<int32_t>& from, const std::vector<int32_t>& to, int64_t total,
            int64_t start, int64_t span) {
    const auto shares = static_cast<int64_t>(from.size() * to.size());
    for (int32_t payer : from) {
      for (int32_t payee : to) {
        const int64_t fen = std::max<int64_t>(100, Around(total / shares, 0.15));
        Transfer(start + static_cast<int64_t>(random_.Unit() * static_cast<double>(span)), payer,
                 payee, fen, current_);
      }
    }
  }

  void Plant() {
    used_.assign(options_.accounts, false);
    for (int kind = 0; kind < kPatterns; ++kind) {
      for (int i = 0; i < options_.patterns[kind]; ++i) {
        current_ = static_cast<int32_t>(out_.planted.size());
        const auto pattern = static_cast<Pattern>(kind);
        std::vector<int32_t> accounts = pattern == Pattern::kCardFraud  ? PlantCardFraud()
                                        : pattern == Pattern::kTakeover ? PlantTakeover()
                                                                        : PlantLaundering(pattern);
        std::sort(accounts.begin(), accounts.end());
        out_.planted.push_back({pattern, std::move(accounts)});
      }
    }
  }

  // How one planted pattern of laundering runs.
  struct Scheme {
    int64_t members;
    int64_t total;  // what enters, in fen
    int64_t kept;   // what is passed on after the launderers' share
    int64_t stage;  // how long one step takes
    int64_t start;
  };

  Scheme DrawScheme() {
    Scheme scheme{};
    scheme.members = random_.Between(8, 14);
    scheme.total = random_.Between(500'000, 3'000'000);  // 5,000 to 30,000 yuan
    scheme.kept = scheme.total * random_.Between(92, 98) / 100;
    scheme.stage = random_.Between(6, 30) * kHourUs;
    const int64_t room =
        std::max<int64_t>(kDayUs, options_.days * kDayUs - 3 * scheme.stage - kDayUs);
    scheme.start =
        options_.start_us + static_cast<int64_t>(random_.Unit() * static_cast<double>(room));
    return scheme;
  }

  std::vector<int32_t> PlantLaundering(Pattern pattern) {
    const Scheme scheme = DrawScheme();
    switch (pattern) {
      case Pattern::kCycle:
        return PlantCycle(scheme);
      case Pattern::kRandom:
        return PlantWalk(scheme);
      default:
        return PlantLayers(scheme, LayersOf(pattern, scheme.members));
    }
  }

  // How many accounts stand in each layer of a pattern whose money moves from layer to layer.
  static std::vector<int64_t> LayersOf(Pattern pattern, int64_t n) {
    switch (pattern) {
      case Pattern::kFanOut:
        return {1, n};
      case Pattern::kFanIn:
        return {n, 1};
      case Pattern::kBipartite:
        return {n / 2, n - n / 2};
      case Pattern::kStack:
        return {n / 3, n / 3, n - n / 3 * 2};
      case Pattern::kScatterGather:
        return {1, n - 2, 1};
      case Pattern::kGatherScatter:
        return {n / 2, 1, n - n / 2 - 1};
      default:
        return {};
    }
  }

  std::vector<int32_t> PlantLayers(const Scheme& scheme, const std::vector<int64_t>& sizes) {
    std::vector<int32_t> all;
    std::vector<int32_t> from;
    int64_t start = scheme.start;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const std::vector<int32_t> to = Fresh(sizes[i]);
      if (i > 0) {
        Move(from, to, i == 1 ? scheme.total : scheme.kept, start, scheme.stage);
        start += scheme.stage;
      }
      all.insert(all.end(), to.begin(), to.end());
      from = to;
    }
    return all;
  }

  std::vector<int32_t> PlantCycle(const Scheme& scheme) {
    const std::vector<int32_t> all = Fresh(scheme.members);
    int64_t fen = scheme.total / 10;
    for (size_t hop = 0; hop < all.size(); ++hop) {
      const int64_t begin = 2 * scheme.stage / scheme.members * static_cast<int64_t>(hop);
      Transfer(scheme.start + begin + random_.Between(0, 30) * kMinuteUs, all[hop],
               all[(hop + 1) % all.size()], fen, current_);
      fen = fen * random_.Between(95, 99) / 100;
    }
    return all;
  }

  // Each account pays some other once, and then some of them again.
  std::vector<int32_t> PlantWalk(const Scheme& scheme) {
    const std::vector<int32_t> all = Fresh(scheme.members);
    const size_t hops = 2 * all.size();
    for (size_t hop = 0; hop < hops; ++hop) {
      const size_t payer = hop < all.size() ? hop : random_.Below(all.size());
      const size_t payee = (payer + 1 + random_.Below(all.size() - 1)) % all.size();
      Transfer(scheme.start + scheme.stage / scheme.members * static_cast<int64_t>(hop), all[payer],
               all[payee], Around(scheme.total / scheme.members / 2, 0.3), current_);
    }
    return all;
  }

  // A stolen card: small payments to see whether it works, then large ones, within hours, at night,
  // from a strange device abroad.
  std::vector<int32_t> PlantCardFraud() {
    std::vector<int32_t> all = Fresh(1);
    const int32_t strange_device = options_.accounts + current_;
    int64_t ts = options_.start_us +
                 random_.Between(options_.days / 3, options_.days - 2) * kDayUs +
                 random_.Between(1, 4) * kHourUs;
    for (int i = 0, n = static_cast<int>(random_.Between(2, 4)); i < n; ++i) {
      Card(ts, all[0], AnyMerchant(), random_.Between(100, 900), strange_device, true, current_);
      ts += random_.Between(1, 6) * kMinuteUs;
    }
    for (int i = 0, n = static_cast<int>(random_.Between(4, 9)); i < n; ++i) {
      Card(ts, all[0], AnyMerchant(), random_.Between(80'000, 500'000), strange_device, true,
           current_);
      ts += random_.Between(2, 25) * kMinuteUs;
    }
    return all;
  }

  // Passwords are tried from a strange device until one is right and is changed; then all that the
  // card bears is spent, at home and in daylight.
  std::vector<int32_t> PlantTakeover() {
    std::vector<int32_t> all = Fresh(1);
    Login login{.account = all[0], .device = options_.accounts + current_, .succeeded = false};
    login.ts_us = options_.start_us +
                  random_.Between(options_.days / 3, options_.days - 2) * kDayUs +
                  random_.Between(9, 19) * kHourUs;
    for (int i = 0, n = static_cast<int>(random_.Between(2, 6)); i < n; ++i) {
      out_.logins.push_back(login);
      login.ts_us += random_.Between(20, 90) * kSecondUs;
    }
    login.succeeded = true;
    login.changed = Login::Changed::kPassword;
    out_.logins.push_back(login);
    int64_t ts = login.ts_us;
    for (int i = 0, n = static_cast<int>(random_.Between(1, 3)); i < n; ++i) {
      ts += random_.Between(3, 15) * kMinuteUs;
      Card(ts, all[0], AnyMerchant(), random_.Between(150'000, 600'000), login.device, false,
           current_);
    }
    return all;
  }

  const GenerateOptions& options_;
  SeededRandom random_;
  SeededRandom logins_;  // of its own: payments are the same with and without them
  int merchants_;
  std::vector<Profile> profiles_;
  std::vector<bool> used_;
  int32_t current_ = -1;
  Generated out_;
};

std::string Name(int32_t index, int accounts) {
  return index < accounts ? fmt::format("A{:07}", index) : fmt::format("M{:05}", index - accounts);
}

}  // namespace

std::string_view PatternName(Pattern pattern) { return kNames[static_cast<size_t>(pattern)]; }

Result<Pattern> ParsePattern(std::string_view name) {
  const auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) {
    return Err(ErrorCode::kInvalidArgument, "'{}' is no pattern; known are {}", name,
               fmt::format("{}", fmt::join(kNames, ", ")));
  }
  return static_cast<Pattern>(it - kNames.begin());
}

Result<Generated> Generate(const GenerateOptions& options) {
  if (options.accounts < 50 || options.accounts > 5'000'000) {
    return Err(ErrorCode::kInvalidArgument, "accounts must lie between 50 and 5,000,000, not {}",
               options.accounts);
  }
  if (options.days < 7 || options.days > 3'650) {
    return Err(ErrorCode::kInvalidArgument, "days must lie between 7 and 3,650, not {}",
               options.days);
  }
  constexpr int64_t kFirst = -kDayUs * 25'567;  // 1900-01-01
  constexpr int64_t kLast = kDayUs * 84'006;    // 2200-01-01
  if (options.start_us < kFirst || options.start_us > kLast) {
    return Err(ErrorCode::kInvalidArgument, "the start must lie between {} and {}, not at {}",
               TimestampToText(kFirst), TimestampToText(kLast), TimestampToText(options.start_us));
  }
  int64_t planted = 0;
  for (int count : options.patterns) {
    if (count < 0) {
      return Err(ErrorCode::kInvalidArgument, "a pattern cannot be planted {} times", count);
    }
    planted += count;
  }
  // A pattern takes at most 15 accounts; beyond a half of all of them, "ordinary life" would not be
  // ordinary.
  if (planted * 15 > options.accounts / 2) {
    return Err(ErrorCode::kInvalidArgument,
               "{} patterns need at least {} accounts, and there are {}", planted, planted * 30,
               options.accounts);
  }
  return Generator(options).Run();
}

std::string TransactionsCsv(const Generated& generated) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out), "txn_id,ts,payer,payee,amount,channel,country,device\n");
  int64_t number = 0;
  for (const Transaction& t : generated.transactions) {
    fmt::format_to(std::back_inserter(out), "g{},{},{},{},{}.{:02},{},{},", ++number,
                   TimestampToText(t.ts_us), Name(t.payer, generated.accounts),
                   Name(t.payee, generated.accounts), t.amount_fen / 100, t.amount_fen % 100,
                   kChannels[static_cast<size_t>(t.channel)], t.abroad ? "XX" : "CN");
    if (t.device >= 0) {
      fmt::format_to(std::back_inserter(out), "D{}", t.device);
    }
    out.push_back('\n');
  }
  return fmt::to_string(out);
}

std::string LoginsCsv(const Generated& generated) {
  std::string out = "login_id,ts,account,country,device,succeeded,changed\n";
  int64_t number = 0;
  for (const Login& login : generated.logins) {
    fmt::format_to(std::back_inserter(out), "l{},{},{},CN,D{},{},{}\n", ++number,
                   TimestampToText(login.ts_us), Name(login.account, generated.accounts),
                   login.device, login.succeeded, kChanges[static_cast<size_t>(login.changed)]);
  }
  return out;
}

std::string LabelsCsv(const Generated& generated) {
  std::string out = "account,pattern,planted\n";
  for (size_t i = 0; i < generated.planted.size(); ++i) {
    for (int32_t account : generated.planted[i].accounts) {
      out += fmt::format("{},{},{}\n", Name(account, generated.accounts),
                         PatternName(generated.planted[i].pattern), i);
    }
  }
  return out;
}

}  // namespace fuqi::scene
