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

    /// Opens the maps that are pinned at the paths.
    static func pinned(
        _ path: (SocketMapName) -> String,
        _ family: IPFamily
    ) throws(DataplaneError) -> SocketMaps {
        var found = SocketMaps()
        for name in SocketMapName.allCases {
            guard let number = try BPFObject.open(path(name)) else { continue }
            found[name] = try BPFMap(owning: number, subject(family, name))
        }
        return found
    }

    /// With those whose pins are gone, as long as the others are the same: programs still use them.
    func completed(by former: SocketMaps?) -> SocketMaps {
        guard let former, maps.allSatisfy({ former[$0.key]?.id == $0.value.id }) else {
            return self
        }
        return former
    }

    /// Whether they are of this layout, as the settings say.
    var haveThisLayout: Bool {
        get throws(DataplaneError) {
            for (name, map) in maps {
                guard let sizes = name.recordSizes else { continue }
                guard map.keySize == sizes.key, map.valueSize == sizes.value else { return false }
            }
            guard maps[.settings] != nil else { return false }
            return try settings().layout == UInt32(LB_LAYOUT)
        }
    }

    /// Whether all are there that hold the plan. What the programs write may be missing.
    var holdPlan: Bool { SocketMapName.contents.allSatisfy { maps[$0] != nil } }

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
