/// The longest messages that are read, in bytes.
enum MessageLimits {
    /// One object of a list. etcd holds none of more than 1.5 MB by default.
    static let item = 16 << 20
    /// One event of a watch. client-go refuses longer ones too.
    static let event = 16 << 20
}
