import Addressing
import CBPF
import CSocketLB
import DataplaneModel
import Glibc
import HostFacts

/// The open maps of one family.
struct SocketMaps {
    private(set) var maps: [SocketMapName: BPFMap] = [:]

    subscript(name: SocketMapName) -> BPFMap? {
        get { maps[name] }
        set { maps[name] = newValue }
    }

    /// The map that must be there.
    func the(_ name: SocketMapName) throws(DataplaneError) -> BPFMap {
        guard let map = maps[name] else {
            throw .system("open", "socket-level map \(name.rawValue)", ENOENT, kind: .conflict)
        }
        return map
    }

    static func subject(_ family: IPFamily, _ name: SocketMapName) -> String {
        "\(family.rawValue) socket-level map \(name.rawValue)"
    }

    /// Opens the maps that are pinned at the paths; nil unless all that hold the plan are there in this layout. What the
    /// programs write may be missing.
    static func pinned(
        _ path: (SocketMapName) -> String,
        _ family: IPFamily
    ) throws(DataplaneError) -> SocketMaps? {
        var found = SocketMaps()
        for name in SocketMapName.allCases {
            guard let number = try BPFObject.open(path(name)) else { continue }
            let map = try BPFMap(owning: number, subject(family, name))
            if let sizes = name.recordSizes {
                guard map.keySize == sizes.key, map.valueSize == sizes.value else { return nil }
            }
            found[name] = map
        }
        let needed = SocketMapName.contents + [.settings]
        guard needed.allSatisfy({ found[$0] != nil }),
            try found.settings().layout == UInt32(LB_LAYOUT)
        else { return nil }
        return found
    }

    func settings() throws(DataplaneError) -> lb_settings {
        try the(.settings).value(of: UInt32(0), lb_settings()) ?? lb_settings()
    }

    func set(_ settings: lb_settings) throws(DataplaneError) {
        let map = try the(.settings)
        if let refusal = map.set((keys: [UInt32(0)], values: [settings])).first {
            throw .system("bpf(BPF_MAP_UPDATE_BATCH)", map.subject, refusal.errno)
        }
    }
}
