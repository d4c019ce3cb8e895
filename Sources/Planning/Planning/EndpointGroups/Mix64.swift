import Addressing

/// Numbers that follow from an endpoint and look random (the finalizer of splitmix64).
enum Mix64 {
    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// Different for each `salt`.
    static func number(of endpoint: SocketAddress, salt: UInt64) -> UInt64 {
        let bits = endpoint.address.bits
        var mixed = mix(UInt64(truncatingIfNeeded: bits) ^ mix(salt))
        mixed = mix(mixed ^ UInt64(truncatingIfNeeded: bits >> 64))
        return mix(mixed ^ UInt64(endpoint.port.value))
    }
}
