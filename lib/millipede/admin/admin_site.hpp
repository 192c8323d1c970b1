// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/admin/gatekeeper.hpp>
#include <millipede/admin/http_server.hpp>
#include <millipede/admin/http_site.hpp>
#include <millipede/admin/http_target.hpp>
#include <millipede/admin/metrics_text.hpp>
#include <millipede/admin/observer.hpp>
#include <millipede/admin/program_values.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace millipede::detail {

/// What the admin endpoint answers, and to whom.
class admin_site final : public http_site {
  public:
    /// \param clients says how many there are; called by the thread of `run()` only.
    admin_site(basic_server& server, admin_options about, std::function<std::size_t()> clients);

    program_values& values() noexcept { return values_; }
    observer& watch() noexcept { return observer_; }
    /// \throws std::invalid_argument when there is something at that path.
    void add_page(std::string path, std::string content_type, std::string bytes);

    boost::asio::awaitable<http_response> answer(http_request const& request) override;
    std::shared_ptr<std::string const> event() override;
    void count_answer(unsigned status) override { ++answers_[status]; }

  private:
    using text_ptr = std::shared_ptr<std::string const>;
    using handler = boost::asio::awaitable<http_response> (admin_site::*)(http_request const&,
                                                                          http_target const&);
    struct resource {
        std::vector<std::string> methods; // without HEAD, which goes with GET
        bool open = false;                // needs no token
        handler handle = nullptr;         // null: a page
    };
    struct page {
        std::string content_type;
        std::string entity_tag; // empty: there is none
        text_ptr bytes;
    };
    struct cached {
        std::chrono::steady_clock::time_point made{};
        text_ptr text{};
    };

    template <class Make>
    text_ptr fresh(cached& kept, Make make);
    text_ptr stats();
    engine_state state();

    boost::asio::awaitable<http_response> serve(http_request const& request);
    http_response serve_page(http_request const& request, page const& found) const;
    boost::asio::awaitable<http_response> metrics(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> health(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> readiness(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> show_stats(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> events(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> connections(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> drain(http_request const&, http_target const&);
    boost::asio::awaitable<http_response> log_level(http_request const&, http_target const&);

    admin_options about_;
    std::function<std::size_t()> clients_;
    gatekeeper gatekeeper_;
    observer observer_;
    program_values values_;
    std::map<std::string, resource> resources_;
    std::map<std::string, page> pages_;
    std::map<unsigned, std::uint64_t> answers_;
    cached stats_;
    cached metrics_;
    text_ptr event_;
    text_ptr event_of_; // the stats that it was made of
    int lists_ = 0;     // of connections, under way
};

} // namespace millipede::detail
