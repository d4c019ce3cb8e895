import CSocketLB
import DataplaneModel
import Glibc
import HostFacts

/// The directories that a pattern of `SocketPlace.excludedCgroups` matches now.
package enum ExcludedCgroups {
    /// Sorted; none if nothing matches.
    package static func paths(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        // Without a match, and where a directory may not be read, the list is empty or short.
        guard unsafe glob(pattern, GLOB_ONLYDIR, nil, &found) == 0 else { return [] }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }

    /// Their numbers; what is gone meanwhile, or on another file system, has none.
    static func numbers(_ patterns: [String]) -> Set<UInt64> {
        var numbers: Set<UInt64> = []
        for path in patterns.flatMap(paths) {
            if let number = try? Cgroup.id(of: path) { numbers.insert(number) }
        }
        return numbers
    }
}

extension SocketStore {
    /// Looks again which directories are there, and tells the programs. A directory that is new is left out from
    /// then on.
    func renewExclusions(_ maps: SocketMaps) throws(DataplaneError) {
        let map = try maps.the(.excluded)
        let present = Set(try map.entries(UInt64.self, UInt32.self).keys)
        let wanted = ExcludedCgroups.numbers(place.excludedCgroups)
        hasExclusions = !wanted.isEmpty
        if wanted == present { return }
        let new = Array(wanted.subtracting(present))
        let refusal = map.set((keys: new, values: [UInt32](repeating: 0, count: new.count))).first
        var settings = try maps.settings()
        settings.exclusions = UInt32(wanted.count)
        try maps.set(settings)
        let refusals = map.remove(Array(present.subtracting(wanted)))
        guard let failure = refusal ?? refusals.first else { return }
        let error = DataplaneError.system("bpf(BPF_MAP_UPDATE_BATCH)", map.subject, failure.errno)
        guard failure.errno == E2BIG else { throw error }
        throw error.explained(
            as: .other,
            "socketLB.excludeCgroups names \(wanted.count) directories, and there is room for \(map.capacity)"
        )
    }
}
