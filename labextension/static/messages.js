// The messages that the labextension itself exchanges with the kernel. `picker/toolbar.py` has the
// same types with the same names and fields; a test compares the two.

/**
 * A front end has found the comm.
 *
 * @typedef {object} HelloCommand
 * @property {"hello"} type
 * @property {number} protocol
 */

/**
 * The protocol of this kernel. If both sides have the same protocol, the message's buffers are the
 * button's script and CSS.
 *
 * @typedef {object} HelloMessage
 * @property {"hello"} type
 * @property {number} protocol
 */

export {};
