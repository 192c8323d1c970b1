// SPDX-License-Identifier: BSL-1.0
#include <millipede/client.hpp>
#include <millipede/server.hpp>

#include <boost/asio/io_context.hpp>

int main() {
    millipede::server<> server{{.listen = {"127.0.0.1:0"}, .workers = 1}};
    boost::asio::io_context context;
    millipede::client client{context};
    return millipede::error_code{millipede::errc::stopping} ? 0 : 1;
}
