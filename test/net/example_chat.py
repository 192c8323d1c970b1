# SPDX-License-Identifier: BSL-1.0
"""The chat rooms of examples/chat.

Goal: who is in a room hears what is said there, in order, and nothing of other rooms; who comes,
goes or is cut off is told to those who stay.
Method: the real program, and guests who know only the comment at the top of its source.
"""

import unittest

from harness import NetTest, frame, wait_until

JOIN, SAY, LEAVE, HEARD, NOTICE = 0x6201, 0x6202, 0x6203, 0x6204, 0x6205


class Chat(NetTest):
    def serve(self, **_):
        return super().serve(name="example-chat", workers=None, connections=None,
                             report_every=None, transport=None)

    def guest(self, server, number, room=None):
        """The guest of that number; in the room, if one is given."""
        guest = self.connect(server)
        guest.send(frame(SAY))  # and its answer tells that it has its number
        self.expect(guest, NOTICE, "you are in no room")
        if room:
            guest.send(frame(JOIN, room.encode()))
            self.expect(guest, NOTICE, f"{number} has joined")
        return guest

    def expect(self, guest, command, text):
        """The next frame that it gets."""
        wanted = frame(command, text.encode())
        self.assertEqual(guest.receive(len(wanted)), wanted)

    def test_rooms(self):
        server = self.serve()
        one = self.guest(server, 1, "den")
        two = self.guest(server, 2, "den")
        self.expect(one, NOTICE, "2 has joined")
        other = self.guest(server, 3, "attic")
        one.send(frame(SAY, b"hello") + frame(SAY, b"anybody?"))
        for guest in (one, two):
            self.expect(guest, HEARD, "1: hello")
            self.expect(guest, HEARD, "1: anybody?")
        two.send(frame(LEAVE) + frame(SAY, b"am I there?"))
        self.expect(two, NOTICE, "you are in no room")  # a reply, sent in the handler itself
        self.expect(two, NOTICE, "2 has left")
        self.expect(one, NOTICE, "2 has left")
        one.send(frame(JOIN, b"attic"))
        self.expect(one, NOTICE, "1 has left")
        self.expect(one, NOTICE, "1 has joined")
        self.expect(other, NOTICE, "1 has joined")
        one.reset()
        self.expect(other, NOTICE, "1 has left")
        other.send(frame(SAY, b"alone"))
        self.expect(other, HEARD, "3: alone")

    def test_many_in_one_room(self):
        server = self.serve()
        guests = [self.guest(server, number, "hall") for number in range(1, 41)]
        for number, guest in enumerate(guests, 1):  # who came first has heard of all the others
            for later in range(number + 1, len(guests) + 1):
                self.expect(guest, NOTICE, f"{later} has joined")
        for line in range(50):
            guests[line % len(guests)].send(frame(SAY, b"line %d" % line))
            for guest in guests:
                self.expect(guest, HEARD, f"{line % len(guests) + 1}: line {line}")

    def test_what_is_not_of_the_protocol(self):
        server = self.serve()
        for bad in (frame(JOIN), frame(JOIN, bytes(65)), frame(SAY, bytes(1001)), frame(HEARD)):
            guest = self.connect(server)
            guest.send(bad)
            self.assert_stream_ends(guest)
        wait_until(server.running, "the server to go on")
        self.guest(server, 5, "den")


if __name__ == "__main__":
    unittest.main()
