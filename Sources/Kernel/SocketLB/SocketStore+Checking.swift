import CSocketLB
package import DataplaneModel

extension SocketStore {
    /// Frontends compared in one call.
    private static let checked = 32
    /// Slots compared of a frontend's group.
    private static let checkedSlots = 16

    /// Removes what an earlier process left half done, looks for cgroups that are left out, and compares a few frontends, their groups and
    /// endpoints with the plan.
    package func performDueWork(expecting plan: SocketState?) throws(DataplaneError) {
        fresh = nil
        guard let maps else { return }
        if !strays.isEmpty {
            var edit = SocketEdit(maps)
            try edit.remove(strays)
            removedNumbers.formUnion(strays.groups)
            for (name, growth) in edit.growth { counts[name, default: 0] += growth }
            strays = SocketStrays()
        }
        if hasExclusions || !place.excludedCgroups.isEmpty { try renewExclusions(maps) }
        guard let plan, !plan.frontends.isEmpty else { return }
        if nextChecked >= plan.frontends.count { nextChecked = 0 }
        let part = plan.frontends.dropFirst(nextChecked).prefix(Self.checked)
        nextChecked += part.count
        for (frontend, action) in part where try !holds(frontend, action, plan, maps) {
            mark.certain += 1
            return
        }
    }

    private func holds(
        _ frontend: SocketFrontend,
        _ action: SocketAction,
        _ plan: SocketState,
        _ maps: SocketMaps
    ) throws(DataplaneError) -> Bool {
        let record = try maps.the(.frontends).value(of: lb_frontend(frontend), lb_action())
        guard record?.action == action else { return false }
        guard case .group(let number) = action, let group = plan.groups[number] else { return true }
        let found = try maps.the(.groups).value(of: number, lb_group())
        guard let found, found.group(slots: group.slots) == group,
            Int(found.slots) == group.slots.count
        else { return false }
        let slots = try maps.the(.slots)
        for (slot, endpoint) in group.slots.prefix(Self.checkedSlots).enumerated() {
            let key = lb_slot(group: number, slot: UInt32(slot))
            let record = try slots.value(of: key, lb_endpoint())
            guard record?.socketAddress(family) == endpoint else { return false }
        }
        return true
    }
}
