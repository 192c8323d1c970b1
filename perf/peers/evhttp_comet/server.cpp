// SPDX-License-Identifier: BSL-1.0
// icomet's design on libevent's evhttp: one thread, an evhttp request kept per subscriber, a list
// of subscribers per channel, replies in chunks.
#include "common/descriptor.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr int timeout_seconds = 86'400; // subscribers are silent
constexpr std::size_t kept_messages = 10;

struct freeing {
    void operator()(event_base* base) const { ::event_base_free(base); }
    void operator()(event* watched) const { ::event_free(watched); }
    void operator()(evhttp* server) const { ::evhttp_free(server); }
    void operator()(evbuffer* bytes) const { ::evbuffer_free(bytes); }
};
template <typename Thing>
using owned = std::unique_ptr<Thing, freeing>;

template <typename Thing>
owned<Thing> made(Thing* thing) {
    if (thing == nullptr) throw std::bad_alloc{};
    return owned<Thing>{thing};
}

// Of a request: decoded, the first of a name.
class parameters {
  public:
    explicit parameters(evhttp_request* request) {
        auto const* uri = ::evhttp_request_get_evhttp_uri(request);
        auto const* query = ::evhttp_uri_get_query(uri);
        ::evhttp_parse_query_str(query == nullptr ? "" : query, &found_);
    }
    parameters(parameters const&) = delete;
    parameters& operator=(parameters const&) = delete;
    ~parameters() { ::evhttp_clear_headers(&found_); }

    std::string text(char const* name) const {
        auto const* value = ::evhttp_find_header(&found_, name);
        return value == nullptr ? std::string{} : std::string{value};
    }
    std::int32_t number(char const* name) const { return std::atoi(text(name).c_str()); }

  private:
    evkeyvalq found_{};
};

std::string escaped(std::string_view text) {
    std::string result;
    for (auto const letter : text) {
        if (letter == '"' || letter == '\\') result += '\\';
        if (letter == '\n')
            result += "\\n";
        else if (letter == '\r')
            result += "\\r";
        else
            result += letter;
    }
    return result;
}

std::string object(char const* type, std::string const& channel, std::int32_t sequence,
                   std::string const& content) {
    return "{\"type\":\"" + std::string{type} + "\",\"cname\":\"" + channel +
           "\",\"seq\":" + std::to_string(sequence) + ",\"content\":\"" + content + "\"}";
}

enum class transport { poll, stream, sse };

struct channel;
class comet;

struct subscriber {
    comet* server;
    channel* listens_to;
    evhttp_request* request;
    transport how;
    std::list<subscriber>::iterator self;
};

struct channel {
    std::string name;
    std::int32_t next = 1;
    std::deque<std::string> messages; // the last ones, as objects
    std::list<subscriber> subscribers;
};

class comet {
  public:
    comet(event_base* base, peers::descriptor socket)
        : server_{made(::evhttp_new(base))}, chunk_{made(::evbuffer_new())} {
        ::evhttp_set_timeout(server_.get(), timeout_seconds);
        ::evhttp_set_gencb(
            server_.get(),
            [](evhttp_request* request, void* self) { static_cast<comet*>(self)->serve(request); },
            this);
        if (::evhttp_accept_socket(server_.get(), socket.get()) != 0) throw std::bad_alloc{};
        peers::announce(socket.release());
    }
    comet(comet const&) = delete;
    comet& operator=(comet const&) = delete;
    // Of the subscribers that are still there nobody needs to hear.
    ~comet() {
        for (auto& [name, one] : channels_)
            for (auto& each : one.subscribers)
                watch_close(each, nullptr);
    }

  private:
    void serve(evhttp_request* request) {
        std::string_view const path =
            ::evhttp_uri_get_path(::evhttp_request_get_evhttp_uri(request));
        parameters const given{request};
        if (path == "/sub" || path == "/poll") return subscribe(request, given, transport::poll);
        if (path == "/stream") return subscribe(request, given, transport::stream);
        if (path == "/sse") return subscribe(request, given, transport::sse);
        if (path == "/push") return push(request, given);
        if (path == "/info") return tell(request);
        ::evhttp_send_error(request, HTTP_NOTFOUND, nullptr);
    }

    channel& channel_of(std::string const& name) {
        auto& found = channels_[name];
        found.name = name;
        return found;
    }

    void subscribe(evhttp_request* request, parameters const& given, transport how) {
        auto& wanted = channel_of(given.text("cname"));
        auto const sequence = given.number("seq");
        begin_reply(request, how);
        subscriber one{this, &wanted, request, how, {}};
        auto const behind = wanted.next - sequence;
        if (sequence == 0 || behind < 0) {
            if (send(one, object("next_seq", wanted.name, wanted.next, ""))) return;
        } else if (behind > 0 && !wanted.messages.empty()) {
            if (replay(one, static_cast<std::size_t>(behind))) return;
        }
        wanted.subscribers.push_back(one);
        auto& kept = wanted.subscribers.back();
        kept.self = std::prev(wanted.subscribers.end());
        watch_close(kept, &kept);
        ++subscribers_;
    }

    static void begin_reply(evhttp_request* request, transport how) {
        auto* fields = ::evhttp_request_get_output_headers(request);
        ::evhttp_add_header(fields, "Connection", "keep-alive");
        ::evhttp_add_header(fields, "Cache-Control", "no-cache");
        ::evhttp_add_header(fields, "Expires", "0");
        auto const* type = how == transport::sse ? "text/event-stream; charset=utf-8"
                                                 : "application/json; charset=utf-8";
        ::evhttp_add_header(fields, "Content-Type", type);
        ::evhttp_send_reply_start(request, HTTP_OK, nullptr);
    }

    // Whether the reply has ended.
    bool send(subscriber const& to, std::string const& text) {
        if (to.how == transport::sse)
            ::evbuffer_add_printf(chunk_.get(), "data: %s\n\n", text.c_str());
        else
            ::evbuffer_add_printf(chunk_.get(), "%s\n", text.c_str());
        ::evhttp_send_reply_chunk(to.request, chunk_.get());
        if (to.how != transport::poll) return false;
        ::evhttp_send_reply_end(to.request);
        return true;
    }

    bool replay(subscriber const& to, std::size_t behind) {
        auto const& kept = to.listens_to->messages;
        auto const begin = kept.size() - std::min(behind, kept.size());
        if (to.how != transport::poll) {
            for (auto each = begin; each < kept.size(); ++each)
                send(to, kept[each]);
            return false;
        }
        std::string all{"["};
        for (auto each = begin; each < kept.size(); ++each)
            all += (each == begin ? "" : ",") + kept[each];
        return send(to, all + "]");
    }

    void push(evhttp_request* request, parameters const& given) {
        auto& to = channel_of(given.text("cname"));
        auto const text = object("data", to.name, to.next++, escaped(given.text("content")));
        to.messages.push_back(text);
        if (to.messages.size() > kept_messages) to.messages.pop_front();
        reply(request, "text/javascript; charset=utf-8", "{\"type\":\"ok\"}\n");
        for (auto each = to.subscribers.begin(); each != to.subscribers.end();) {
            auto& one = *each++; // a poll leaves the list
            if (one.how == transport::poll) watch_close(one, nullptr);
            if (send(one, text)) forget(one);
        }
    }

    void tell(evhttp_request* request) {
        reply(request, "text/html; charset=utf-8",
              "{\"version\": \"0.2.5\", \"channels\": " + std::to_string(channels_.size()) +
                  ", \"subscribers\": " + std::to_string(subscribers_) + "}\n");
    }

    static void reply(evhttp_request* request, char const* type, std::string const& body) {
        ::evhttp_add_header(::evhttp_request_get_output_headers(request), "Content-Type", type);
        auto const bytes = made(::evbuffer_new());
        ::evbuffer_add(bytes.get(), body.data(), body.size());
        ::evhttp_send_reply(request, HTTP_OK, nullptr, bytes.get());
    }

    void forget(subscriber& one) {
        --subscribers_;
        one.listens_to->subscribers.erase(one.self);
    }

    static void watch_close(subscriber& one, subscriber* told) {
        ::evhttp_connection_set_closecb(
            ::evhttp_request_get_connection(one.request),
            [](evhttp_connection*, void* context) {
                if (context == nullptr) return;
                auto& gone = *static_cast<subscriber*>(context);
                gone.server->forget(gone);
            },
            told);
    }

    std::unordered_map<std::string, channel> channels_;
    std::uint64_t subscribers_ = 0;
    owned<evhttp> server_;
    owned<evbuffer> chunk_;
};

void on_stop(int, short, void* base) {
    ::event_base_loopbreak(static_cast<event_base*>(base));
}

void serve(peers::options const& settings) {
    ::signal(SIGPIPE, SIG_IGN); // libevent writes without MSG_NOSIGNAL
    auto const base = made(::event_base_new());
    auto const interrupted =
        made(::event_new(base.get(), SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, base.get()));
    auto const terminated =
        made(::event_new(base.get(), SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, base.get()));
    ::event_add(interrupted.get(), nullptr);
    ::event_add(terminated.get(), nullptr);
    comet const server{base.get(), peers::listen_on(settings.listen)};
    ::event_base_dispatch(base.get());
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = "bench-evhttp-comet",
                               .purpose = "icomet's design on libevent's evhttp; one thread, "
                                          "whatever --workers says"};
    return peers::run_program(about, argument_count, arguments, serve);
}
