import DataplaneModel

/// An element that a rule has put into a dynamic map for a client.
struct DynamicElement: Hashable {
    /// Where it is.
    struct Key: Hashable {
        var map: NFTSetName
        var key: NFTValue
    }

    var key: Key
    var value: UInt32
    /// It stands for something that was there when the element was made, and is no more.
    var isStale = false
}
