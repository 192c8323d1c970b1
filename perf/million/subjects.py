# SPDX-License-Identifier: BSL-1.0
"""Whose connections a run opens: how the server and its clients are started in the guest, what
clients have to hear, and what a connection may cost."""
import shlex

SERVER_SPARE = 1_000  # channels and subscribers beyond those that are opened


class Online:
    """millipede-online: clients log in, and echoes are verified on some of them."""
    name = "online"
    server = "millipede-online"
    counted = "echoes"
    target_bytes = 72  # of user memory: 64, and the session of 8 in its slot

    @staticmethod
    def server_words(plan):
        return ["--listen", "127.0.0.1:0", "--idle-timeout", "24h", "--report-every", "1s"]

    @staticmethod
    def load_words(plan, step):
        return ["hold", "--sample", step.samples, "--drain", "60s"]

    @staticmethod
    def wanted(plan):
        return plan.sample

    @staticmethod
    def heard(load):
        return load["results"]["replies"]


class Comet:
    """millipede-comet: long-polls that wait, each on a channel of its own. In the end messages are
    published to some, and some of the channels are closed."""
    name = "comet"
    server = "millipede-comet"
    counted = "messages"
    target_bytes = 400
    published = 50  # channels of each step that get a message
    closed = 5  # channels of each step that are closed then

    @staticmethod
    def server_words(plan):
        most = plan.connections + SERVER_SPARE
        return ["--front", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--max-channels", most,
                "--max-subscribers-per-channel", most, "--polling-timeout", "24h",
                "--channel-timeout", "24h", "--keepalive-idle", "0s"]

    @staticmethod
    def load_words(plan, step):
        return ["subscribe", "--retry", "1440m", "--channels", step.added, "--path",
                f"/sub?cname={step.label}-{{n}}&seq={{seq}}"]

    def publish_to(self, plan):
        """The channels that get a message, and of these those that are closed."""
        names = [[f"{step.label}-{number}" for number in range(min(self.published, step.added))]
                 for step in plan.steps()]
        return sum(names, []), sum((part[:self.closed] for part in names), [])

    def wanted(self, plan):
        return len(self.publish_to(plan)[0])

    def ended(self, plan):
        """Subscribers that see the end of their channel."""
        return len(self.publish_to(plan)[1])

    @staticmethod
    def heard(load):
        return load["results"]["messages"]

    @staticmethod
    def heard_ends(load):
        return load["results"]["silent_replies"]


class SharedComet(Comet):
    """The same, all on one channel: everybody gets the message, and the end of the channel."""
    name = "comet-shared"
    target_bytes = 128

    @staticmethod
    def load_words(plan, step):
        return ["subscribe", "--retry", "1440m", "--path", "/sub?cname=all&seq={seq}"]

    def publish_to(self, plan):
        return ["all"], ["all"]

    def wanted(self, plan):
        return plan.connections

    def ended(self, plan):
        return plan.connections


SUBJECTS = {subject.name: subject() for subject in (Online, Comet, SharedComet)}


def joined(words):
    """For the guest's shell."""
    return shlex.join(map(str, words))
