// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Has the descriptors 0, 1 and 2 stand for something, be it /dev/null: a program that was started
/// without them would write its lines into whatever socket or file got their numbers. And lets
/// writing to a pipe that nobody reads any more fail, rather than end the process (SIGPIPE).
void secure_standard_streams() noexcept;
