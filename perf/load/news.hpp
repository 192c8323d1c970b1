// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <functional>

namespace load {

// What the leading thread waits for: a word from the others, or that somebody wants the end
// (SIGINT, SIGTERM). To be made before any other thread, so that all of them leave the signals to
// it.
class news {
  public:
    // Throws std::system_error when there are no descriptors.
    news();
    ~news();
    news(news const&) = delete;
    news& operator=(news const&) = delete;

    // Wakes who waits. Any thread, as long as this lives.
    std::function<void()> teller() const;
    // Until there is some, or that time (of now_ns()), or ten seconds from now. How many signals
    // have come.
    int wait(std::int64_t until_ns);

  private:
    int words_ = -1;   // eventfd
    int signals_ = -1; // signalfd
};

} // namespace load
