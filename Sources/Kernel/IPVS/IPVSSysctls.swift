package import DataplaneModel
package import HostFacts

/// Kernel parameters that ipvs mode depends on, of the network namespace of the calling thread.
package enum IPVSSysctls {
    /// Parameters and their values; those of IPVS are there only once it is in the kernel.
    package static func wanted(
        strictARP: Bool,
        kernel: KernelVersion?
    ) -> [(name: String, value: String)] {
        var wanted = [
            // Without it the netfilter rules see nothing of what IPVS forwards.
            ("net.ipv4.vs.conntrack", "1"),
            // Connections to a real server that is gone or takes no new ones end, instead of losing their
            // packets.
            ("net.ipv4.vs.expire_nodest_conn", "1"),
            ("net.ipv4.vs.expire_quiescent_template", "1"),
        ]
        // With 1 a client that uses a port again within a minute waits a second, up to Linux 5.8;
        // from 5.9 on 1 is right: https://github.com/kubernetes/kubernetes/issues/93297
        if let kernel, kernel >= KernelVersion(4, 1), kernel < KernelVersion(5, 9) {
            wanted.append(("net.ipv4.vs.conn_reuse_mode", "0"))
        }
        if strictARP {
            // Other links do not answer ARP for Service addresses on our link.
            wanted.append(("net.ipv4.conf.all.arp_ignore", "1"))
            wanted.append(("net.ipv4.conf.all.arp_announce", "2"))
        }
        return wanted.map { (name: $0.0, value: $0.1) }
    }

    /// Sets what differs; returns what could not be set.
    package static func apply(strictARP: Bool) -> [DataplaneError] {
        let kernel = KernelVersion(release: KernelVersion.release)
        return wanted(strictARP: strictARP, kernel: kernel).compactMap { name, value in
            let present = try? Sysctl.read(name)
            if present == value { return nil }
            do throws(DataplaneError) {
                try Sysctl.write(value, to: name)
                return nil
            } catch {
                var failure = error
                failure.subject = name
                failure.message =
                    "it is \(present ?? "not there") and should be \(value): \(error.message ?? "")"
                return failure
            }
        }
    }
}
