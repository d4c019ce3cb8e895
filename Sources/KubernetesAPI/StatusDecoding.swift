/// The Status in the body of an answer that is not 200; nil if it holds none.
package func decodeStatus(_ body: [UInt8], mediaType: APIMediaType) -> APIStatus? {
    nil
}
