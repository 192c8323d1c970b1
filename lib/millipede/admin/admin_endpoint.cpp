// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/admin_endpoint.hpp>

#include <millipede/admin/admin_site.hpp>
#include <millipede/admin/http_server.hpp>
#include <millipede/admin/stats_text.hpp>
#include <millipede/base/endpoint.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace millipede {
namespace {

using namespace std::chrono_literals;

void check_token(std::string const& token) {
    bool printable = std::all_of(token.begin(), token.end(),
                                 [](char letter) { return letter > ' ' && letter < '\x7f'; });
    if (!token.empty() && (token.size() < 16 || token.size() > 512 || !printable))
        throw invalid_option{"admin.token", "it has to have 16 to 512 printable characters"};
}

boost::asio::ip::tcp::endpoint checked(admin_options const& wanted) {
    boost::asio::ip::tcp::endpoint where;
    try {
        where = parse_endpoint(wanted.endpoint);
    } catch (std::invalid_argument const& refusal) {
        throw invalid_option{"admin.endpoint", refusal.what()};
    }
    check_token(wanted.token);
    auto address = where.address();
    bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
    bool loopback =
        mapped ? boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
                     .is_loopback()
               : address.is_loopback();
    if (!loopback && wanted.token.empty() && !wanted.open)
        throw invalid_option{"admin.endpoint", "'" + wanted.endpoint +
                                                   "' can be reached from other machines: set a "
                                                   "token, or say that it is to be open"};
    if (wanted.connections_max < 2 || wanted.connections_max > 1'024)
        throw invalid_option{"admin.connections_max", "2 to 1,024"};
    for (auto time : {wanted.request_timeout, wanted.idle_timeout, wanted.event_timeout})
        if (time < 1ms || time > 24h) throw invalid_option{"admin.timeouts", "1 ms to a day"};
    return where;
}

} // namespace

class admin_endpoint::implementation {
  public:
    implementation(basic_server& server, admin_options const& wanted)
        : http_{std::make_shared<detail::http_server>(
              server.get_executor().context(), checked(wanted),
              detail::http_limits{.connections_max = wanted.connections_max,
                                  .streams_max = wanted.connections_max / 2,
                                  .request_timeout = wanted.request_timeout,
                                  .idle_timeout = wanted.idle_timeout,
                                  .event_timeout = wanted.event_timeout})},
          site_{std::make_shared<detail::admin_site>(
              server, wanted, [http = http_.get()] { return http->connections(); })} {
        http_->start(site_);
        site_->watch().start(site_);
    }
    ~implementation() {
        site_->watch().stop();
        http_->close();
    }
    implementation(implementation const&) = delete;
    implementation& operator=(implementation const&) = delete;

    detail::http_server const& http() const noexcept { return *http_; }
    detail::admin_site& site() noexcept { return *site_; }

    void add_value(admin_value about, bool only_rises, std::function<double()> read) {
        if (!read) throw std::invalid_argument{"a value without a function to read it"};
        auto& values = site_->values().values;
        bool taken = std::any_of(values.begin(), values.end(), [&](auto const& each) {
            return each.about.metric == about.metric ||
                   (!about.field.empty() && each.about.field == about.field);
        });
        if (taken || !detail::is_free_metric_name(about.metric))
            throw std::invalid_argument{"'" + about.metric + "' is taken, or no metric's name"};
        if (detail::is_stats_field(about.field))
            throw std::invalid_argument{"/stats has a '" + about.field + "' already"};
        values.push_back({std::move(about), only_rises, std::move(read)});
    }

  private:
    std::shared_ptr<detail::http_server> http_; // outlives the site: sessions keep both
    std::shared_ptr<detail::admin_site> site_;
};

admin_endpoint::admin_endpoint(basic_server& server, admin_options const& wanted)
    : implementation_{std::make_unique<implementation>(server, wanted)} {}

admin_endpoint::~admin_endpoint() = default;

boost::asio::ip::tcp::endpoint admin_endpoint::local_endpoint() const {
    return implementation_->http().local_endpoint();
}

std::string admin_endpoint::url() const {
    return "http://" + to_string(local_endpoint());
}

void admin_endpoint::add_gauge(admin_value about, std::function<double()> read) {
    implementation_->add_value(std::move(about), false, std::move(read));
}

void admin_endpoint::add_counter(admin_value about, std::function<double()> read) {
    implementation_->add_value(std::move(about), true, std::move(read));
}

void admin_endpoint::add_collectable(std::shared_ptr<prometheus::Collectable> metrics) {
    if (!metrics) throw std::invalid_argument{"add_collectable(): there is none"};
    implementation_->site().values().collectables.push_back(std::move(metrics));
}

void admin_endpoint::add_alarm(std::string name, alarm_severity severity,
                               std::function<std::optional<std::string>()> look) {
    if (name.empty() || !look) throw std::invalid_argument{"an alarm has a name and a function"};
    implementation_->site().values().alarms.push_back({std::move(name), severity, std::move(look)});
}

void admin_endpoint::add_readiness(std::string name,
                                   std::function<std::optional<std::string>()> look) {
    if (name.empty() || !look) throw std::invalid_argument{"a check has a name and a function"};
    implementation_->site().values().checks.push_back({std::move(name), std::move(look)});
}

void admin_endpoint::add_page(std::string path, std::string content_type, std::string bytes) {
    implementation_->site().add_page(std::move(path), std::move(content_type), std::move(bytes));
}

} // namespace millipede
