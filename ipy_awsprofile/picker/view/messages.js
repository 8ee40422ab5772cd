// The messages between the view and Python. `picker/messages.py` has the same types with the same
// names and fields; a test compares the two.

/** The columns of a profile, which is an array. */
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
 * of rows. A view that already has this version gets neither the buffer nor the Regions.
 *
 * @typedef {object} ProfilesMessage
 * @property {"profiles"} type
 * @property {number} version
 * @property {string[]} pins
 * @property {string[]} recent
 * @property {string[]} sign_ins  the sign-ins with roles to list: names of [sso-session] sections
 * @property {Record<string, string>} listed_at  when the roles of the other sign-ins were listed, in ISO 8601
 * @property {string[]} [regions]
 * @property {string} [html]  if there are no profiles, a card that says what to do, with all text escaped
 */

/**
 * The identity's fields that the view needs in addition to the card.
 *
 * @typedef {object} ActiveIdentity
 * @property {string | null} profile
 * @property {string} name  the card's title
 * @property {number | null} left  the remaining seconds
 * @property {boolean} renews  whether the credentials renew without an MFA code from the user
 * @property {string | null} chosen_region  the Region in the request, or null for the profile's Region
 * @property {string | null} expires  when the credentials expire, in ISO 8601
 * @property {string} arn
 * @property {string} account  the account's alias if one is known, otherwise its ID
 * @property {boolean} protected
 * @property {boolean} read_only  whether the session is limited to reading
 * @property {number} notes  the number of notes on the card, such as objects that don't follow the switch
 * @property {string} save_as  a suggested name for a new profile if the role doesn't have a profile, otherwise empty
 */

/**
 * The notebook's identity, or null if no profile is active.
 *
 * @typedef {object} IdentityMessage
 * @property {"identity"} type
 * @property {ActiveIdentity | null} identity
 * @property {string} html  the identity's card, with all text escaped
 * @property {boolean} switched  whether the notebook has just switched
 */

/**
 * The command will run after the running cell ends.
 *
 * @typedef {object} WaitingMessage
 * @property {"waiting"} type
 */

/**
 * The command is complete.
 *
 * @typedef {object} DoneMessage
 * @property {"done"} type
 */

/**
 * The waiting command was dropped, because another command or `--off` came first.
 *
 * @typedef {object} DroppedMessage
 * @property {"dropped"} type
 */

/**
 * The profile is protected, and the user has to confirm the switch.
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
 * A sign-in is needed. The message has the page to open, and the code that the page must show. The
 * code is empty if the browser of this machine has opened the page, and null if the page shows a
 * code for the user to enter.
 *
 * @typedef {object} SignInMessage
 * @property {"sign_in"} type
 * @property {string} url
 * @property {string | null} code
 */

/**
 * A link to the AWS console. It contains a token, and is only for a new tab.
 *
 * @typedef {object} ConsoleMessage
 * @property {"console"} type
 * @property {string} url
 */

/**
 * The user has signed in, and the view repeats its command.
 *
 * @typedef {object} SignedInMessage
 * @property {"signed_in"} type
 */

/**
 * The number of accounts that are listed so far, and of all accounts.
 *
 * @typedef {object} ProgressMessage
 * @property {"progress"} type
 * @property {number} listed
 * @property {number} accounts
 */

/**
 * The roles of a sign-in are listed; they are in the next list of profiles.
 *
 * @typedef {object} ListedMessage
 * @property {"listed"} type
 * @property {string} sso
 */

/**
 * The command or a callback of `on_switch` failed.
 *
 * @typedef {object} ErrorMessage
 * @property {"error"} type
 * @property {string} html  an error card, with all text escaped
 */

/**
 * A message for the view that it names, or for all views if it doesn't name a view.
 *
 * @typedef {(
 *   ProfilesMessage | IdentityMessage | WaitingMessage | DoneMessage | DroppedMessage
 *   | ConfirmMessage | CodeMessage | SignInMessage | ConsoleMessage | SignedInMessage
 *   | ProgressMessage | ListedMessage | ErrorMessage
 * ) & {view?: string | null}} ViewMessage
 */

// ---- from the view to Python

/**
 * The view is ready, and requests the identity.
 *
 * @typedef {object} ReadyCommand
 * @property {"ready"} type
 */

/**
 * A button requests the known identity, without a call to AWS.
 *
 * @typedef {object} StatusCommand
 * @property {"status"} type
 */

/**
 * The view requests the profiles.
 *
 * @typedef {object} ListCommand
 * @property {"list"} type
 * @property {number} have  the version of the profiles that the view has, or 0
 */

/**
 * Switch to a profile. The view repeats the command with a requested confirmation or code.
 *
 * @typedef {object} SwitchCommand
 * @property {"switch"} type
 * @property {string} profile
 * @property {string | null} region  null means the profile's Region
 * @property {number} list  the version of the list in which the user saw the profile
 * @property {boolean} [read_only]  whether to limit the session to reading
 * @property {boolean} [confirmed]
 * @property {string} [code]  an MFA code
 * @property {boolean} [device_code]  whether to sign in with a code in any browser
 * @property {string} [entered]  the code from the sign-in page
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
 * Save the active role as a profile with this name, and switch to the profile.
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
 * @property {boolean} [fresh]  whether to call AWS even if the roles were listed before
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
 * The commands that switch the notebook. They may need a confirmation, a code or a sign-in.
 *
 * @typedef {SwitchCommand | RegionCommand | RefreshCommand | SaveCommand | OffCommand} Switching
 */

/**
 * @typedef {(
 *   Switching | RolesCommand | ReadyCommand | StatusCommand | ListCommand | PinCommand | ConsoleCommand
 * )} ViewCommand
 */
