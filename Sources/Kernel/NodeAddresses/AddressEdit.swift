import Addressing
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// Changes of addresses being made, and their outcome.
struct AddressEdit {
    private let family: IPFamily
    private let ownership: Ownership
    private var link: String { ownership.link }
    private(set) var report = ApplyReport()

    init(_ family: IPFamily, _ ownership: Ownership) {
        self.family = family
        self.ownership = ownership
    }

    /// `LOOPBACK_IFINDEX`: the loopback interface is the first one of every namespace.
    private static let loopback: UInt32 = 1

    // MARK: - Ranges

    mutating func add(
        _ ranges: [IPPrefix],
        by socket: inout RoutingSocket
    ) throws(DataplaneError) {
        var batch = NetlinkBatch(reserving: 64 * ranges.count)
        let flags = UInt16(NLM_F_CREATE | NLM_F_EXCL)
        for range in ranges { append(range, RTM_NEWROUTE, flags: flags, to: &batch) }
        try send(&batch, by: &socket, "RTM_NEWROUTE", "local routes", allowing: [EEXIST]) {
            "local route \(ranges[$0])"
        }
    }

    mutating func remove(
        _ ranges: [IPPrefix],
        by socket: inout RoutingSocket
    ) throws(DataplaneError) {
        var batch = NetlinkBatch(reserving: 64 * ranges.count)
        for range in ranges { append(range, RTM_DELROUTE, to: &batch) }
        let gone: Set = [ESRCH, ENOENT, ENODEV]
        try send(&batch, by: &socket, "RTM_DELROUTE", "local routes", allowing: gone) {
            "local route \(ranges[$0])"
        }
    }

    private func append(
        _ range: IPPrefix,
        _ type: some BinaryInteger,
        flags: UInt16 = 0,
        to batch: inout NetlinkBatch
    ) {
        batch.beginLocalRoute(
            type,
            family,
            protocol: ownership.routeProtocol,
            length: range.length,
            scope: RT_SCOPE_HOST,
            flags: flags
        )
        batch.attribute(RTA_DST.rawValue, range.address)
        batch.attribute(RTA_OIF.rawValue, Self.loopback)
    }

    // MARK: - Addresses

    mutating func add(
        _ addresses: [IPAddress],
        by socket: inout RoutingSocket
    ) throws(DataplaneError) {
        let index: UInt32
        do throws(DataplaneError) {
            index = try socket.requireDummy(link).index
        } catch {
            if error.kind == .notPermitted { throw error }
            // Without the link no address of this family is bound.
            var failure = error
            failure.scope = .family
            report.failures.append(failure)
            return
        }
        var batch = NetlinkBatch(reserving: 80 * addresses.count)
        for address in addresses { append(address, on: index, to: &batch) }
        let link = link
        let refused = try send(
            &batch,
            by: &socket,
            "RTM_NEWADDR",
            "addresses on \(link)",
            allowing: [EEXIST]
        ) { "address \(addresses[$0]) on \(link)" }
        if family == .ipv6 {
            let made = addresses.indices.filter { !refused.contains($0) }.map { addresses[$0] }
            try waitUntilLocal(made, by: &socket)
        }
    }

    /// The kernel acknowledges an IPv6 address before it takes packets to it, which a worker of its own sees to. What
    /// comes next, such as the removal of another mode's rules, relies on that.
    ///
    /// It gives up where that never happens, as when another program removes the link meanwhile: the next look finds it.
    private func waitUntilLocal(
        _ addresses: [IPAddress],
        by socket: inout RoutingSocket
    ) throws(DataplaneError) {
        var pauses = 0
        for address in addresses {
            while try !socket.isLocal(address) {
                if pauses == Self.mostPauses { return }
                pauses += 1
                usleep(1000)
            }
        }
    }

    /// Of a millisecond each, in which the kernel's worker has the processor, however busy that is.
    private static var mostPauses: Int { 300 }

    mutating func remove(
        _ addresses: [IPAddress],
        by socket: inout RoutingSocket
    ) throws(DataplaneError) {
        // Addresses go with their link.
        guard let found = try socket.link(link), found.kind == RoutingSocket.dummy else { return }
        let bound = addresses.map { RoutingSocket.BoundAddress($0, length: family.bitWidth) }
        let errors = try socket.remove(bound, from: found, link)
        report.operations += addresses.count - errors.count
        report.fail(errors.map(explained), of: "addresses on \(link)")
    }

    /// A host's own connections must not use a Service's address as their source unless they go to it:
    /// hence the scope, and for IPv6, where the scope cannot be chosen, a preferred lifetime of zero.
    private func append(_ address: IPAddress, on link: UInt32, to batch: inout NetlinkBatch) {
        batch.beginAddress(
            RTM_NEWADDR,
            family,
            link: link,
            length: family.bitWidth,
            scope: RT_SCOPE_HOST,
            flags: UInt16(NLM_F_CREATE | NLM_F_EXCL)
        )
        batch.bareAddress(address)
        switch family {
        case .ipv4: batch.attribute(IFA_FLAGS, UInt32(IFA_F_NOPREFIXROUTE))
        case .ipv6:
            batch.attribute(IFA_FLAGS, UInt32(IFA_F_NODAD | IFA_F_NOPREFIXROUTE))
            // struct ifa_cacheinfo: preferred and valid lifetime (unlimited), and two unused times.
            var lifetimes = [UInt8](repeating: 0, count: 16)
            for index in 4..<8 { lifetimes[index] = .max }
            batch.attribute(IFA_CACHEINFO, lifetimes)
        }
    }

    // MARK: - Both

    /// Sends all messages; `allowed` are the errors that mean that nothing was left to do.
    /// Returns the places of the messages that were refused.
    @discardableResult
    private mutating func send(
        _ batch: inout NetlinkBatch,
        by socket: inout RoutingSocket,
        _ operation: String,
        _ whole: String,
        allowing allowed: Set<Int32>,
        subject: (Int) -> String
    ) throws(DataplaneError) -> Set<Int> {
        let count = batch.count
        let refusals = try socket.transact(&batch).filter { !allowed.contains($0.errno) }
        let errors = refusals.map { refusal in
            explained(
                .system(
                    operation,
                    subject(refusal.index),
                    refusal.errno,
                    message: refusal.message
                )
            )
        }
        report.operations += count - errors.count
        report.fail(errors, of: whole)
        return Set(refusals.map(\.index))
    }

    private func explained(_ error: DataplaneError) -> DataplaneError {
        var error = error
        switch error.errno {
        case ENETDOWN:
            error.scope = .family
            error.message = "the loopback interface is down"
        case EACCES, EOPNOTSUPP:
            // EACCES where the link, EOPNOTSUPP where the host has IPv6 disabled.
            error.kind = .unsupported
            error.scope = .family
            error.message = "\(family.rawValue) is disabled"
        default: break
        }
        return error
    }
}
