package import Addressing

/// Makes the kernel accept packets to Service addresses as its own, so that IPVS sees them.
package struct AddressBinding: Sendable, Equatable {
    /// Addresses on Fairlead's dummy link, each as a /32 or /128.
    package var addresses: Set<IPAddress>
    /// Ranges with a local route on the loopback interface.
    package var ranges: Set<IPPrefix>

    package init(addresses: Set<IPAddress> = [], ranges: Set<IPPrefix> = []) {
        self.addresses = addresses
        self.ranges = ranges
    }

    package var isEmpty: Bool { addresses.isEmpty && ranges.isEmpty }

    /// What binds one of `wanted`.
    package func part(for wanted: Set<IPAddress>) -> AddressBinding {
        AddressBinding(
            addresses: addresses.intersection(wanted),
            ranges: ranges.filter { range in wanted.contains { range.contains($0) } }
        )
    }

    package func subtracting(_ other: AddressBinding) -> AddressBinding {
        AddressBinding(
            addresses: addresses.subtracting(other.addresses),
            ranges: ranges.subtracting(other.ranges)
        )
    }

    package func union(_ other: AddressBinding) -> AddressBinding {
        AddressBinding(
            addresses: addresses.union(other.addresses),
            ranges: ranges.union(other.ranges)
        )
    }
}

/// A change to one binding.
package enum AddressChange: Sendable, Hashable {
    case add(IPAddress)
    case remove(IPAddress)
    case addRange(IPPrefix)
    case removeRange(IPPrefix)

    /// The single address that it adds.
    package var added: IPAddress? {
        guard case .add(let address) = self else { return nil }
        return address
    }

    /// The single address that it removes.
    package var removed: IPAddress? {
        guard case .remove(let address) = self else { return nil }
        return address
    }
}

extension AddressChange {
    /// The changes from one binding to another, additions first, sorted.
    package static func changes(
        from old: AddressBinding,
        to new: AddressBinding
    ) -> [AddressChange] {
        if old == new { return [] }
        return new.ranges.subtracting(old.ranges).sorted().map { .addRange($0) }
            + new.addresses.subtracting(old.addresses).sorted().map { .add($0) }
            + old.addresses.subtracting(new.addresses).sorted().map { .remove($0) }
            + old.ranges.subtracting(new.ranges).sorted().map { .removeRange($0) }
    }
}
