import CNetlink
import Glibc
import HostFacts
import Testing

@testable import Netlink

@Suite("Waiting for the kernel's messages")
@KernelThread
struct NetlinkWaitingTests {
    @Test("What has not come yet is waited for, or not, as asked")
    func waiting() throws {
        try NetworkNamespace.enterNew()
        let socket = try NetlinkSocket.listening(
            NETLINK_ROUTE,
            to: [RTNLGRP_IPV4_IFADDR.rawValue]
        )
        let nothing = try socket.handle.receive(isWaiting: false)
        #expect(nothing?.count == nil)
        // The shell ends at once, and ip needs a while.
        try Program.check(["sh", "-c", "ip address add 10.9.9.9/32 dev lo &"])
        let news = try socket.handle.receive(isWaiting: true)
        #expect(news?.map(\.type) == [UInt16(RTM_NEWADDR)])
    }
}
