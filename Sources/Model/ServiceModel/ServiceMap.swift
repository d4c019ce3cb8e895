import HashTreeCollections

/// Values by Service.
///
/// Two copies share what they have in common: to keep one while the other is changed costs the
/// difference only, where a `Dictionary` would be copied whole.
package struct ServiceMap<Value: Sendable & Equatable>: Sendable, Equatable {
    private var tree = TreeDictionary<ServiceName, Value>()

    package init() {}

    package subscript(name: ServiceName) -> Value? {
        get { tree[name] }
        set { tree[name] = newValue }
    }

    package subscript(name: ServiceName, default value: @autoclosure () -> Value) -> Value {
        get { tree[name, default: value()] }
        set { tree[name] = newValue }
    }

    package var count: Int { tree.count }
    package var isEmpty: Bool { tree.isEmpty }
    /// In no order.
    package var keys: some Collection<ServiceName> { tree.keys }
    /// In no order.
    package var values: some Collection<Value> { tree.values }
}

extension ServiceMap: Sequence {
    /// In no order.
    package func makeIterator() -> AnyIterator<(key: ServiceName, value: Value)> {
        var iterator = tree.makeIterator()
        return AnyIterator { iterator.next() }
    }
}

extension ServiceMap: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (ServiceName, Value)...) {
        for (name, value) in elements { tree[name] = value }
    }
}
