package import Addressing
package import DaemonConfiguration
import DataplaneModel
package import HostChecks
import HostFacts
import Planning
import PrintableText
import SocketLB
import SystemCalls

extension KernelCapabilities {
    /// What the host has and lacks for the socket level; while it is off, only what is left of it. For a thread in the node's
    /// network namespace. Changes nothing.
    package static func socketLevel(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration.SocketLB
    ) -> [Finding] {
        guard configuration.scope != .off else { return remains(configuration) }
        return [cgroup(configuration), fileSystem(configuration), namespace].compactMap(\.self)
            + families.map { programs($0, configuration) } + [refusals]
            + configuration.excludeCgroups.map(excluded) + [kernelClients].compactMap(\.self)
            + (configuration.protocols.contains(.udp) ? [endingOfSockets()] : [])
            + foreign(families, configuration)
    }

    private static let subject = "socket level"

    private static func remains(_ configuration: DaemonConfiguration.SocketLB) -> [Finding] {
        // What may not be looked at is nothing to report here.
        guard let found = try? PlannedSockets.remains(configuration), !found.isEmpty else {
            return []
        }
        let words =
            "it is off, and programs at \(configuration.bpfDirectory) still serve as they did; to remove them, run fairlead cleanup as root"
        return [Finding(.note, subject, words)]
    }

    private static func cgroup(_ configuration: DaemonConfiguration.SocketLB) -> Finding {
        do throws(DataplaneError) {
            let place = try SocketPlace(configuration)
            try SocketFeatures.checkCgroup(place.cgroup)
            if configuration.cgroup == nil, !UnifiedHierarchy.isRoot(place.cgroup) {
                return Finding(
                    .note,
                    subject,
                    "\(place.cgroup) is this container's part of the hierarchy: only its own processes are served; mount the host's /sys/fs/cgroup, and name it in socketLB.cgroup"
                )
            }
            return Finding(.good, subject, "cgroup v2 at \(place.cgroup)")
        } catch {
            return Finding(subject, refusal: error, "\(error)")
        }
    }

    /// Nil if programs know the node's namespace.
    private static var namespace: Finding? {
        do throws(DataplaneError) {
            try SocketFeatures.checkNamespace()
            return nil
        } catch {
            return Finding(subject, refusal: error, "\(error)")
        }
    }

    private static func excluded(_ pattern: String) -> Finding {
        let paths = ExcludedCgroups.paths(pattern)
        let cgroups = paths.filter { (try? SocketFeatures.checkCgroup($0)) != nil }
        if let other = paths.first(where: { !cgroups.contains($0) }) {
            return Finding(.failure, subject, "\(other) is no directory of cgroup v2 to leave out")
        }
        return cgroups.isEmpty
            ? Finding(.note, subject, "\(pattern) is no directory now: nothing is left out by it")
            : Finding(.good, subject, "\(pattern) leaves out \(counted(cgroups.count, "cgroup"))")
    }

    private static func fileSystem(_ configuration: DaemonConfiguration.SocketLB) -> Finding {
        let directory = configuration.bpfDirectory
        do throws(DataplaneError) {
            try SocketFeatures.checkDirectory(directory)
            return Finding(.good, subject, "bpf file system at \(directory)")
        } catch {
            return Finding(subject, refusal: error, "\(error)")
        }
    }

    private static func programs(
        _ family: IPFamily,
        _ configuration: DaemonConfiguration.SocketLB
    ) -> Finding {
        let subject = "\(family.rawValue) socket programs"
        do throws(DataplaneError) {
            try SocketFeatures.checkPrograms(family, configuration.protocols)
            return Finding(.good, subject, "the kernel accepts them")
        } catch {
            return Finding(subject, refusal: error, "\(error)")
        }
    }

    private static var refusals: Finding {
        SocketFeatures.canRefuse
            ? Finding(.good, subject, "connect() fails at once without endpoints")
            : Finding(
                .note,
                subject,
                "before Linux 5.18 connect() cannot be refused: without endpoints the rules decide"
            )
    }

    /// Nil if clients inside the kernel are safe. Distributions have the cure in older kernels, too, since 2023.
    private static var kernelClients: Finding? {
        guard let version = KernelVersion(release: KernelVersion.release),
            version < KernelVersion(6, 6)
        else { return nil }
        return Finding(
            .note,
            subject,
            "before Linux 6.6, and stable versions of September 2023, NFS, CIFS and other mounts by a Service's address keep the first endpoint when it is gone"
        )
    }

    /// Programs of others run before or after ours, and see or change the same addresses.
    private static func foreign(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration.SocketLB
    ) -> [Finding] {
        guard let place = try? SocketPlace(configuration) else { return [] }
        let found = families.flatMap { family in
            (try? SocketStore(family: family, place: place).use())?.foreign ?? []
        }
        return Set(found).sorted().map {
            Finding(.note, subject, "another program is attached at \(place.cgroup): \($0)")
        }
    }
}
