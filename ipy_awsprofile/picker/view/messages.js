// The messages between the view and Python. `picker/messages.py` has the same types with the same
// names and fields; a test compares the two.

/** A profile is an array; these are its columns. */
export const NAME = 0, KIND = 1, ACCOUNT = 2, ROLE = 3, SOURCE = 4, REGION = 5, MFA = 6, PROTECTED = 7;

/**
 * @typedef {[
 *   name: string, kind: string, account: string, role: string, source: string, region: string,
 *   mfa: 0 | 1, protected: 0 | 1,
 * ]} Row
 */

// ---- from Python to the view

/**
 * The order of the profiles and, in the message's buffer, the profiles themselves as a JSON array
 * of rows. A view that has this version of them already gets neither the buffer nor the Regions.
 *
 * @typedef {object} ProfilesMessage
 * @property {"profiles"} type
 * @property {number} version
 * @property {string[]} pins
 * @property {string[]} recent
 * @property {string[]} sign_ins  the sign-ins whose roles can be listed: names of [sso-session] sections
 * @property {Record<string, string>} listed_at  when the roles of the other sign-ins were listed, as ISO 8601
 * @property {string[]} [regions]
 * @property {string} [html]  if there are no profiles: a card that says what to do, with every text escaped
 */

/**
 * What the view needs to know of the identity, beside its card.
 *
 * @typedef {object} ActiveIdentity
 * @property {string | null} profile
 * @property {string} name  the card's title
 * @property {number | null} left  seconds
 * @property {boolean} renews  whether no MFA code from a person is needed when they end
 * @property {string | null} chosen_region  the Region of the request, if it isn't the profile's
 * @property {string | null} expires  when the credentials end, as ISO 8601
 * @property {string} arn
 * @property {string} account  the account's alias if one is known, otherwise its ID
 * @property {boolean} protected
 * @property {boolean} read_only  whether the session is limited to reading
 * @property {number} notes  the number of the card's notes, such as what doesn't follow
 * @property {string} save_as  a name for the role as a profile, if no profile names it; otherwise empty
 */

/**
 * The identity that the notebook works as, or null if no profile is active.
 *
 * @typedef {object} IdentityMessage
 * @property {"identity"} type
 * @property {ActiveIdentity | null} identity
 * @property {string} html  the identity's card, in which every text is escaped
 * @property {boolean} switched  whether the notebook has just been switched
 */

/**
 * The command is carried out when the running cell has ended.
 *
 * @typedef {object} WaitingMessage
 * @property {"waiting"} type
 */

/**
 * The command is carried out.
 *
 * @typedef {object} DoneMessage
 * @property {"done"} type
 */

/**
 * The command that waited is not carried out: another one, or `--off`, came first.
 *
 * @typedef {object} DroppedMessage
 * @property {"dropped"} type
 */

/**
 * The profile is protected: the person has to confirm the switch.
 *
 * @typedef {object} ConfirmMessage
 * @property {"confirm"} type
 */

/**
 * An MFA code is needed.
 *
 * @typedef {object} CodeMessage
 * @property {"code"} type
 * @property {string} device  the device's serial number or ARN
 * @property {string} html  an error card if a code was refused, otherwise empty
 */

/**
 * A sign-in is needed: the page to open, and the code that it has to show. The code is empty if the
 * browser of this machine has opened the page, and null if the page shows a code that the person enters.
 *
 * @typedef {object} SignInMessage
 * @property {"sign_in"} type
 * @property {string} url
 * @property {string | null} code
 */

/**
 * A link to the AWS console, for a new tab alone: it has a token.
 *
 * @typedef {object} ConsoleMessage
 * @property {"console"} type
 * @property {string} url
 */

/**
 * The person has signed in: the view repeats its command.
 *
 * @typedef {object} SignedInMessage
 * @property {"signed_in"} type
 */

/**
 * The accounts whose roles are listed, the number of all accounts, and whether AWS slows it.
 *
 * @typedef {object} ProgressMessage
 * @property {"progress"} type
 * @property {number} listed
 * @property {number} accounts
 * @property {boolean} is_slowed
 */

/**
 * The roles of a sign-in are listed; they are in the next list of profiles.
 *
 * @typedef {object} ListedMessage
 * @property {"listed"} type
 * @property {string} sso
 */

/**
 * The command failed, or a callback of `on_switch`.
 *
 * @typedef {object} ErrorMessage
 * @property {"error"} type
 * @property {string} html  an error card, in which every text is escaped
 */

/**
 * A message for the view that it names, or for all views if it names none.
 *
 * @typedef {(
 *   ProfilesMessage | IdentityMessage | WaitingMessage | DoneMessage | DroppedMessage
 *   | ConfirmMessage | CodeMessage | SignInMessage | ConsoleMessage | SignedInMessage
 *   | ProgressMessage | ListedMessage | ErrorMessage
 * ) & {view?: string | null}} ViewMessage
 */

// ---- from the view to Python

/**
 * The view is there, and asks for the identity.
 *
 * @typedef {object} ReadyCommand
 * @property {"ready"} type
 */

/**
 * A button asks for the identity as it is known, without a question to AWS.
 *
 * @typedef {object} StatusCommand
 * @property {"status"} type
 */

/**
 * The view asks for the profiles.
 *
 * @typedef {object} ListCommand
 * @property {"list"} type
 * @property {number} have  the version of them that it has; 0 if it has none
 */

/**
 * Switch to a profile; the view repeats it with what it was asked for.
 *
 * @typedef {object} SwitchCommand
 * @property {"switch"} type
 * @property {string} profile
 * @property {string | null} region  null is the profile's Region
 * @property {number} list  the version of the list in which the person saw the profile
 * @property {boolean} [read_only]  whether to limit the session to reading
 * @property {boolean} [confirmed]
 * @property {string} [code]  an MFA code
 * @property {boolean} [device_code]  whether to sign in with another browser, by a code
 * @property {string} [entered]  the code that the sign-in's page has shown
 */

/**
 * Change the Region, and keep everything else of the active request.
 *
 * @typedef {object} RegionCommand
 * @property {"region"} type
 * @property {string | null} region
 * @property {boolean} [confirmed]
 * @property {string} [code]
 * @property {boolean} [device_code]
 * @property {string} [entered]
 */

/**
 * Get new credentials.
 *
 * @typedef {object} RefreshCommand
 * @property {"refresh"} type
 * @property {boolean} [confirmed]
 * @property {string} [code]
 * @property {boolean} [device_code]
 * @property {string} [entered]
 */

/**
 * Keep the active role as a profile with this name, and switch to the profile.
 *
 * @typedef {object} SaveCommand
 * @property {"save"} type
 * @property {string} name
 * @property {boolean} [confirmed]
 * @property {string} [code]
 * @property {boolean} [device_code]
 * @property {string} [entered]
 */

/**
 * List the roles of a sign-in, with or without profiles.
 *
 * @typedef {object} RolesCommand
 * @property {"roles"} type
 * @property {string} sso  the name of an [sso-session]
 * @property {boolean} [fresh]  whether AWS is asked even if the roles were listed before
 * @property {boolean} [device_code]
 */

/**
 * Undo the switch.
 *
 * @typedef {object} OffCommand
 * @property {"off"} type
 */

/**
 * Open the AWS console as the active identity.
 *
 * @typedef {object} ConsoleCommand
 * @property {"console"} type
 */

/**
 * Pin or unpin a profile.
 *
 * @typedef {object} PinCommand
 * @property {"pin"} type
 * @property {string} profile
 * @property {boolean} pinned
 */

/**
 * What moves the notebook. A switch may need a confirmation, a code or a sign-in.
 *
 * @typedef {SwitchCommand | RegionCommand | RefreshCommand | SaveCommand | OffCommand} Switching
 */

/**
 * @typedef {(
 *   Switching | RolesCommand | ReadyCommand | StatusCommand | ListCommand | PinCommand | ConsoleCommand
 * )} ViewCommand
 */
