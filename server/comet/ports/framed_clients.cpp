// SPDX-License-Identifier: BSL-1.0
#include "ports/framed_clients.hpp"

#include "channels/user_name.hpp"
#include "wire/json_document.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <array>
#include <string>
#include <utility>

namespace comet {
namespace {

using boost::asio::ip::address;
using millipede::error_code;

// IPv4 as such, where a listener of IPv6 takes both.
address plain(address const& peer) {
    if (!peer.is_v6() || !peer.to_v6().is_v4_mapped()) return peer;
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, peer.to_v6());
}

} // namespace

void framed_clients::serve(service& listener) {
    listener.on_open([this](connection& peer) { opened(peer); });
    listener.on_message(
        [this](connection& peer, millipede::frame const& each) { received(peer, each); });
    listener.on_close(
        [this](connection& peer, error_code const&) { channels_.leave(peer.session()); });
}

void framed_clients::opened(connection& peer) {
    auto& who = peer.session();
    who.id = peer.id();
    who.how = transport::frame;
    who.terms = {.chunked = false};
    who.is_begun = true;
    channels_.attend(who);
}

bool framed_clients::may_publish(connection const& peer) const {
    error_code code;
    auto endpoint = peer.remote_endpoint(code);
    auto const& gate = live_.of(peer.worker_index()).gate;
    if (gate.has_rules()) return gate.admits(code ? "" : endpoint.address().to_string());
    if (code) return code == boost::asio::error::address_family_not_supported; // a Unix socket
    return plain(endpoint.address()).is_loopback();
}

void framed_clients::received(connection& peer, millipede::frame const& received) {
    auto data = received.data();
    std::string_view text{reinterpret_cast<char const*>(data.data()), data.size()};
    switch (received.command) {
    case frame_command::subscribe:
        return obey(peer, client_command::subscribe, text);
    case frame_command::unsubscribe:
        return obey(peer, client_command::unsubscribe, text);
    case frame_command::publish:
        return obey(peer, client_command::publish, text);
    case frame_command::user:
        return name(peer, text);
    case frame_command::silence:
        return; // it is there: that was all
    default:
        return refuse(peer, "unknown command");
    }
}

void framed_clients::obey(connection& peer, client_command what, std::string_view data) {
    auto name_max = live_.of(peer.worker_index()).channels.name_max;
    auto parsed = parse_client_command(what, data, name_max);
    if (!parsed.found) return refuse(peer, parsed.why);
    bool may = parsed.found->publish && may_publish(peer); // asked each time: rules may change
    auto right = may ? publishing_right::all : publishing_right::none;
    commands_.carry_out(peer.session(), std::move(*parsed.found), right);
}

// Before it subscribes: what it has is counted as its user's, or as nobody's.
void framed_clients::name(connection& peer, std::string_view data) {
    auto document = read_json(data, 0);
    auto const* given = document ? document->if_string() : nullptr;
    if (!document) return refuse(peer, "not JSON");
    if (!given || !is_user_name(text_of(*given), live_.of(peer.worker_index()).channels.user_max))
        return refuse(peer, "user: not a name");
    auto& who = peer.session();
    if (who.has_subscriptions()) return refuse(peer, "user: it has subscriptions");
    if (!given->empty())
        who.obtain_more().user = text_of(*given);
    else if (who.more)
        who.more->user.clear();
    who.drop_empty_extras();
}

void framed_clients::refuse(connection& peer, std::string_view why) {
    ++counters_.at(peer.worker_index(), counted::bad_commands);
    auto object = message_object(message_type::bad_command, "", 0, why);
    std::array<framed_message, 1> messages{{{object}}};
    std::string text;
    append_messages(text, {transport::frame, false}, messages, false);
    peer.send_bytes(millipede::as_bytes(text));
    peer.close();
}

} // namespace comet
