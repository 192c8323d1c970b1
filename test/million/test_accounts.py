# SPDX-License-Identifier: BSL-1.0
"""The kernel's and the server's texts are read as they are meant, and nothing else is taken for
one."""
import unittest

import material
import accounts


class Memory(unittest.TestCase):
    def test_private_bytes_are_anonymous_and_swapped_ones(self):
        self.assertEqual(accounts.private_bytes(material.ROLLUP), (1024 + 16) * 1024)

    def test_several_rollups_add_up(self):
        self.assertEqual(accounts.private_bytes(material.ROLLUP * 2), 2 * (1024 + 16) * 1024)

    def test_text_without_the_field_is_refused(self):
        with self.assertRaises(ValueError):
            accounts.private_bytes("cat: can't open '/proc/1/smaps_rollup'")

    def test_memory_in_use_leaves_the_page_cache_aside(self):
        text = material.MEMINFO.format(free=200000)
        self.assertEqual(accounts.memory_in_use(text), (1000000 - 200000 - 10000) * 1024)


class Slab(unittest.TestCase):
    def test_active_objects_and_size_are_taken(self):
        caches = accounts.slab_caches(material.slabinfo(TCP=(100, 2304)))
        self.assertEqual(caches, {"TCP": (100, 2304)})

    def test_growth_counts_new_and_shrunk_caches(self):
        before = accounts.slab_caches(material.slabinfo(TCP=(5, 2304), filp=(10, 256), same=(1, 8)))
        after = accounts.slab_caches(material.slabinfo(TCP=(25, 2304), filp=(9, 256), same=(1, 8),
                                                       epi=(7, 128)))
        growth = accounts.slab_growth(before, after)
        self.assertEqual(growth, {"TCP": (20, 2304), "filp": (-1, 256), "epi": (7, 128)})
        self.assertEqual(accounts.slab_bytes(growth), 20 * 2304 - 256 + 7 * 128)

    def test_other_versions_are_refused(self):
        for text in ("", "slabinfo - version: 1.1\n", "Permission denied"):
            with self.assertRaises(ValueError, msg=text):
                accounts.slab_caches(text)


class Sockets(unittest.TestCase):
    def test_sockets_in_use(self):
        self.assertEqual(accounts.tcp_sockets(material.SOCKSTAT.format(inuse=4001)), 4001)
        with self.assertRaises(ValueError):
            accounts.tcp_sockets("UDP: inuse 5 mem 1\n")

    def test_counters_by_name(self):
        text = material.SNMP.format(passive=12, established=24)
        counters = accounts.tcp_counters(text)
        self.assertEqual((counters["PassiveOpens"], counters["CurrEstab"]), (12, 24))
        self.assertEqual(counters["MaxConn"], -1)
        with self.assertRaises(ValueError):
            accounts.tcp_counters(text, "Icmp")

    def test_established_connections_of_one_port(self):
        table = ("  sl  local_address rem_address   st tx_queue rx_queue\n"
                 "   0: 0100007F:1F92 00000000:0000 0A 00000000:00000000\n"  # it listens
                 "   1: 0100007F:1F92 0100007F:8001 01 00000000:00000000\n"
                 "   2: 0100007F:8001 0100007F:1F92 01 00000000:00000000\n"  # the other end
                 "   3: 0100007F:1F92 0200007F:8001 01 00000000:00000000\n"
                 "   4: 0100007F:1F92 0200007F:8002 08 00000000:00000000\n")
        self.assertEqual(accounts.established_at(table, 8082), 2)


class Log(unittest.TestCase):
    def test_the_newest_number_counts(self):
        self.assertEqual(accounts.last_online("online number: 7\nx\nonline number: -1\n"), -1)
        self.assertIsNone(accounts.last_online("[info] started\n"))

    def test_totals(self):
        log = "[info] totals: accepted=12 adopted=11 log_lines_dropped=0\n"
        self.assertEqual(accounts.total(log, "adopted"), 11)
        self.assertIsNone(accounts.total("accepted=12\n", "accepted"))


if __name__ == "__main__":
    unittest.main()
